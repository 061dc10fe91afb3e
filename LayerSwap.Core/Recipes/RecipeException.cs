namespace LayerSwap;

/// <summary>A recipe cannot be understood or carried out; found before anything is read or written. Every problem has its line and column.</summary>
public sealed class RecipeException : LayerSwapException
{
    internal RecipeException(IReadOnlyList<string> problems, Exception? inner = null)
        : base(problems.Count == 1 ? problems[0] : $"{problems.Count} problems in the recipe:" + string.Concat(problems.Select(p => "\n  - " + p)), inner) => Problems = problems;

    /// <summary>Every problem found, each a sentence of its own; at least one.</summary>
    public IReadOnlyList<string> Problems { get; }
}
