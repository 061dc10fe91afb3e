namespace LayerSwap.Tests.Cli;

/// <summary>What lies in folders, to tell whether it was touched, and models saved for the tool to read.</summary>
internal static class Folders
{
    /// <summary>Every file below a folder with its bytes and time, every folder by its name.</summary>
    public static string[] Snapshot(string folder) =>
    [
        .. Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(path =>
            Path.GetRelativePath(folder, path)
                + (File.Exists(path)
                    ? $" {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path)))} "
                        + $"{File.GetLastWriteTimeUtc(path).Ticks}"
                    : "/")),
    ];

    public static string[] Names(string folder) =>
        [.. Directory.EnumerateFileSystemEntries(folder).Select(p => Path.GetFileName(p)!).Order(StringComparer.Ordinal)];

    /// <summary>The same files with the same bytes.</summary>
    public static void RequireSame(string expected, string actual)
    {
        Assert.Equal(Names(expected), Names(actual));
        Assert.All(
            Names(expected),
            name => Assert.True(
                File.ReadAllBytes(Path.Combine(expected, name)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(actual, name))),
                name));
    }

    public static string Save(ICheckpoint model, string folder)
    {
        Merge.Onto(model).SaveAsync(folder).GetAwaiter().GetResult();
        return folder;
    }

    public static string CopyDemo(string model, string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(Fixture.Demo(model)))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        return folder;
    }
}
