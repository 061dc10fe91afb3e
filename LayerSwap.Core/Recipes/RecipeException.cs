namespace LayerSwap;

/// <summary>A recipe is invalid or cannot be executed. Thrown before any weights are read; every problem has its line and column.</summary>
public sealed class RecipeException : LayerSwapException
{
    internal RecipeException(IReadOnlyList<string> problems, Exception? inner = null)
        : base(Describe(problems), inner) => Problems = problems;

    /// <summary>Every problem found, each as a sentence; at least one.</summary>
    public IReadOnlyList<string> Problems { get; }

    private static string Describe(IReadOnlyList<string> problems) => problems.Count == 1
        ? problems[0]
        : $"{problems.Count} problems in the recipe:" + string.Concat(problems.Select(p => "\n  - " + p));
}
