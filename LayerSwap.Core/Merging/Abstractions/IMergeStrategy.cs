namespace LayerSwap;

/// <summary>
/// A way to merge. The one extension point: the built-in strategies use nothing else. An instance is immutable and may serve many merges at
/// once.
/// </summary>
public interface IMergeStrategy
{
    /// <summary>The name shown in plans and records, such as <c>task_arithmetic</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Every parameter with its value, as text in no culture's own form, such as <c>density 0.2</c>; empty if there are none. Two instances
    /// that would give different results have different settings: a run is resumed, and an output known as complete, only where they are
    /// the same.
    /// </summary>
    string Settings { get; }

    /// <summary>Decides, from headers alone, what happens to a tensor.</summary>
    /// <param name="tensor">The tensor, its place, and what is known of the sources.</param>
    /// <returns>What will be done; one instance for each tensor.</returns>
    /// <exception cref="MergeException">The parameters do not fit this tensor or model.</exception>
    TensorOperation Bind(TensorContext tensor);
}
