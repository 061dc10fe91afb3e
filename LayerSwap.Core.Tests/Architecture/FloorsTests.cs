using System.Text.RegularExpressions;

namespace LayerSwap.Tests.Architecture;

/// <summary>Reads the direction of dependencies from the sources: a folder uses neither namespaces nor types of a higher floor.</summary>
public sealed partial class FloorsTests
{
    private static readonly Dictionary<string, int> Floors = new(StringComparer.Ordinal)
    {
        ["Buffers"] = 0,
        ["Common"] = 0,
        ["IO"] = 0,
        ["Numerics"] = 0,
        ["Tensors"] = 0,
        ["Checkpoints"] = 1,
        ["LayerMaps"] = 1,
        ["Streaming"] = 2,
        ["Diff"] = 3,
        ["Merging"] = 3,
        ["Planning"] = 4,
        ["Execution"] = 5,
        ["Reports"] = 5,
        ["Recipes"] = 6,
        ["Sweeping"] = 6,
        [""] = 6,
    };

    /// <summary>Folders of one floor that use each other today. The list may only become shorter.</summary>
    private static readonly (string, string)[] Circles = [("", "Recipes"), ("", "Sweeping"), ("Checkpoints", "LayerMaps"), ("Diff", "Merging")];

    private static readonly (string Folder, string Path, string Code)[] Files = [.. Sources()];

    /// <summary>Names of types and the folder of each; a type of several parts is in the lowest.</summary>
    private static readonly Dictionary<string, string> Types = Files
        .SelectMany(f => Declaration().Matches(f.Code).Select(m => (Name: m.Groups[1].Value, f.Folder)))
        // Words that are also names of members, methods or variables.
        .Where(t => t.Name is not ("Merge" or "Layers" or "Checkpoint" or "Settings" or "BFloat16"))
        .GroupBy(t => t.Name, StringComparer.Ordinal)
        .ToDictionary(g => g.Key, g => g.Select(t => t.Folder).MinBy(f => Floors[f])!, StringComparer.Ordinal);

    [Fact]
    public void Every_folder_has_a_floor() =>
        Assert.Equal(
            Floors.Keys.Order(StringComparer.Ordinal), Files.Select(f => f.Folder).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));

    [Fact]
    public void No_folder_uses_a_higher_floor()
    {
        foreach ((string folder, string path, string code) in Files)
        {
            foreach (string used in Using().Matches(code).Select(m => m.Groups[1].Value))
            {
                Assert.True(Floors[used] <= Floors[folder], $"{path} uses LayerSwap.{used}, a higher floor");
            }

            foreach ((string type, string home) in TypesIn(code))
            {
                Assert.True(Floors[home] <= Floors[folder], $"{path} uses {type} of {home}, a higher floor");
            }
        }
    }

    [Fact]
    public void No_other_folders_of_one_floor_use_each_other()
    {
        (string Folder, string Home, string What)[] uses =
        [
            .. Files.SelectMany(f => TypesIn(f.Code).Select(t => (f.Folder, Home: t.Folder, What: $"{f.Path} uses {t.Name}")))
                .Where(u => u.Folder != u.Home).DistinctBy(u => (u.Folder, u.Home)),
        ];
        foreach ((string folder, string home, string what) in uses.Where(u => !Circles.Contains((u.Folder, u.Home)) && !Circles.Contains((u.Home, u.Folder))))
        {
            string? back = uses.FirstOrDefault(u => u.Folder == home && u.Home == folder).What;
            Assert.True(back is null, $"{what}, and {back}");
        }
    }

    [Fact]
    public void Files_are_short()
    {
        int[] lengths = [.. Files.Select(f => f.Code.Count(c => c == '\n')).Order()];
        Assert.True(lengths[^1] <= 600, $"the longest file has {lengths[^1]} lines");
        Assert.True(lengths[lengths.Length * 9 / 10] <= 250, $"a tenth of the files have {lengths[lengths.Length * 9 / 10]} lines or more");
    }

    /// <summary>Pointers are for the address of an array, and for loops that look up a table for each byte.</summary>
    [Fact]
    public void Pointers_are_used_in_few_files() =>
        Assert.Equal(
            ["Buffers/PooledBuffer.cs", "Merging/TaskVectors/Masks/MagnitudeBins.cs"],
            Files.Where(f => Word().Matches(WithoutComments(f.Code)).Any(m => m.Value is "unsafe")).Select(f => f.Path).Order(StringComparer.Ordinal));

    private static IEnumerable<(string, string, string)> Sources()
    {
        string root = Path.Combine(Fixture.Root, "LayerSwap.Core");
        foreach (string path in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories))
        {
            string relative = Path.GetRelativePath(root, path);
            yield return (relative.Contains('/', StringComparison.Ordinal) ? relative.Split('/')[0] : "", relative, File.ReadAllText(path));
        }
    }

    private static IEnumerable<(string Name, string Folder)> TypesIn(string code) =>
        Word().Matches(WithoutComments(code)).Select(m => m.Value).Distinct(StringComparer.Ordinal).Where(Types.ContainsKey).Select(w => (w, Types[w]));

    private static string WithoutComments(string code) => Comment().Replace(Text().Replace(code, "\"\""), "");

    [GeneratedRegex(@"^using LayerSwap\.(\w+)", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(@"^(?:public|internal)[\w\s]*?\b(?:class|struct|record|interface|enum)\s+(?:struct\s+)?(\w+)", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"\b[A-Za-z_]\w*\b")]
    private static partial Regex Word();

    [GeneratedRegex(@"//.*")]
    private static partial Regex Comment();

    [GeneratedRegex("\"(?:[^\"\\\\\n]|\\\\.)*\"")]
    private static partial Regex Text();
}
