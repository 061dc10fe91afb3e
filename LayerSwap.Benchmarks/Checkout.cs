namespace LayerSwap.Benchmarks;

/// <summary>The repository that contains the program.</summary>
internal static class Checkout
{
    /// <summary>Finds a folder of the repository.</summary>
    /// <param name="relative">The path relative to the repository's root.</param>
    /// <param name="option">The option to name in the error if there is no repository.</param>
    public static string FindFolder(string relative, string option)
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (Directory.Exists(Path.Combine(folder, relative)))
            {
                return Path.Combine(folder, relative);
            }
        }

        throw new ArgumentException($"{relative} is in no folder above {AppContext.BaseDirectory}. Remedy: give {option} DIR.");
    }
}
