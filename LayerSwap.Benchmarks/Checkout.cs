namespace LayerSwap.Benchmarks;

/// <summary>The repository that the programme was built in.</summary>
internal static class Checkout
{
    /// <summary>A folder of it.</summary>
    /// <param name="relative">From the repository's root.</param>
    /// <param name="option">What to give where there is no repository.</param>
    public static string Folder(string relative, string option)
    {
        for (string? at = AppContext.BaseDirectory; at is not null; at = Path.GetDirectoryName(at))
        {
            if (Directory.Exists(Path.Combine(at, relative)))
            {
                return Path.Combine(at, relative);
            }
        }

        throw new ArgumentException($"{relative} is in no folder above {AppContext.BaseDirectory}. Remedy: give {option} DIR.");
    }
}
