namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>What inputs are made of: the fixtures of the tests, small files only, in an order that no file system changes.</summary>
internal static class FuzzCorpus
{
    /// <summary>A model's file may be longer: only its header and little more is taken then.</summary>
    private const int Longest = 8 * 1024;

    public static IReadOnlyList<byte[]> Of(FuzzTarget target, string folder)
    {
        IEnumerable<byte[]> files = !Directory.Exists(folder) ? [] : Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(f => target.Takes(Path.GetFileName(f)) && new FileInfo(f).Length <= Longest)
            .OrderBy(f => Path.GetRelativePath(folder, f), StringComparer.Ordinal)
            .Select(File.ReadAllBytes);
        return [.. target.Seeds, .. files];
    }
}
