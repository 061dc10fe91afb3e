namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>The inputs to mutate: small test fixtures, in ordinal order.</summary>
internal static class FuzzCorpus
{
    /// <summary>The maximum file size in bytes.</summary>
    private const int MaxLength = 8 * 1024;

    public static IReadOnlyList<byte[]> Of(FuzzTarget target, string folder)
    {
        IEnumerable<byte[]> files = !Directory.Exists(folder) ? [] : Directory
            .EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(f => target.AcceptsFile(Path.GetFileName(f)) && new FileInfo(f).Length <= MaxLength)
            .OrderBy(f => Path.GetRelativePath(folder, f), StringComparer.Ordinal)
            .Select(File.ReadAllBytes);
        return [.. target.Seeds, .. files];
    }
}
