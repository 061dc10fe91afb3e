namespace LayerSwap;

/// <summary>
/// A merge strategy. The only extension point: the built-in strategies use nothing else. An instance is immutable and may be used by
/// several merges at once.
/// </summary>
public interface IMergeStrategy
{
    /// <summary>The name in plans and manifests, such as <c>task_arithmetic</c>.</summary>
    string Name { get; }

    /// <summary>
    /// All parameters with their values, in the invariant culture, such as <c>density 0.2</c>; empty without parameters. Instances with
    /// different results must have different settings: a run is resumed, or an output accepted as complete, only if the settings are equal.
    /// </summary>
    string Settings { get; }

    /// <summary>Decides from headers alone what happens to a tensor.</summary>
    /// <param name="tensor">The output tensor, its place in the model, and the sources.</param>
    /// <returns>The operation; a new instance for each tensor.</returns>
    /// <exception cref="MergeException">The parameters do not fit this tensor or model.</exception>
    TensorOperation Bind(TensorContext tensor);
}
