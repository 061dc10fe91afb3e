using System.Diagnostics;
using LayerSwap.IO;
using LayerSwap.Tests.Faults;

namespace LayerSwap.Tests.IO;

/// <summary>Compares canonical paths with those that readlink -e finds.</summary>
public sealed class RealPathTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [NeedsFact]
    public void Random_paths_through_random_links_are_those_of_realpath()
    {
        Random random = new(7);
        string[] names = ["a", "b", "c", "d"];
        foreach (string one in names)
        {
            foreach (string two in names)
            {
                Directory.CreateDirectory(_folder[one, two]);
            }
        }

        for (int i = 0; i < 24; i++)
        {
            string link = _folder[names[random.Next(4)], $"l{i}"], to = Piece();
            Directory.CreateSymbolicLink(link, random.Next(2) == 0 ? to : _folder[to.Split('/')]);
        }

        string Piece() =>
            string.Join('/',
                Enumerable.Range(0, random.Next(1, 4))
                    .Select(_ => random.Next(5) switch { 0 => "..", 1 => ".", 2 => $"l{random.Next(24)}", _ => names[random.Next(4)] }));

        string[] paths = [.. Enumerable.Range(0, 400).Select(_ => _folder.Path + "/" + Piece() + "/" + Piece())];
        string[] expected = Kernel(paths);
        int resolved = 0;
        for (int i = 0; i < paths.Length; i++)
        {
            // Skip paths that the kernel does not resolve.
            if (expected[i].Length > 0)
            {
                Assert.True(RealPath.Resolve(paths[i]) == expected[i],
                    $"{paths[i]}: {RealPath.Resolve(paths[i])}, and the kernel says {expected[i]}");
                resolved++;
            }
        }

        Assert.True(resolved > 40, $"Only {resolved} paths led anywhere.");
    }

    [NeedsFact]
    public void Link_cycles_end_and_empty_paths_and_NULs_are_rejected()
    {
        File.CreateSymbolicLink(_folder["x"], "y");
        File.CreateSymbolicLink(_folder["y"], "x");
        Assert.Throws<IOException>(() => RealPath.Resolve(_folder["x", "z"]));
        Assert.Throws<ArgumentException>(() => RealPath.Resolve(""));
        Assert.Contains("a\\u0000b", Assert.Throws<ArgumentException>(() => RealPath.Resolve("a\0b")).Message, StringComparison.Ordinal);
    }

    [NeedsFact]
    public void The_links_on_a_path_are_listed()
    {
        Directory.CreateDirectory(_folder["real", "model"]);
        Directory.CreateSymbolicLink(_folder["link"], "real");
        Directory.CreateSymbolicLink(_folder["real", "model", "again"], "../../link/model");
        IReadOnlyCollection<string> way = RealPath.ListTraversedPaths(_folder["link", "model", "again"]);
        Assert.Equal(_folder["real", "model"], RealPath.Resolve(_folder["link", "model", "again"]));
        Assert.All((string[])[_folder["link"], _folder["real"], _folder["real", "model"], _folder["real", "model", "again"]],
            place => Assert.Contains(place, way));
    }

    private static string[] Kernel(string[] paths)
    {
        using Process process =
            Process.Start(new ProcessStartInfo("sh", ["-c", "while read -r p; do readlink -e \"$p\" || echo; done"])
            { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        process.StandardInput.Write(string.Join('\n', paths) + "\n");
        process.StandardInput.Close();
        return output.GetAwaiter().GetResult().Split('\n');
    }
}
