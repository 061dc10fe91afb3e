namespace LayerSwap.Tests.Cli;

/// <summary>Snapshots of folders, to detect changes, and models saved for the tool to read.</summary>
internal static class Folders
{
    /// <summary>Lists every file below a folder with its checksum and timestamp, and every folder by name.</summary>
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

    /// <summary>Requires the same file names with the same bytes.</summary>
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
        foreach (string file in Directory.EnumerateFiles(Fixture.Set1(model)))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        return folder;
    }
}
