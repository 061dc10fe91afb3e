using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>
/// The built-in strategies. Each has a page in docs/strategies with its formula and source, and a file of its own, where its part of this
/// class is.
/// </summary>
public static partial class MergeStrategies
{
    /// <summary>Every method that can be found by name, with its parameters.</summary>
    public static IReadOnlyList<MergeMethod> Methods => MergeMethods.All;

    /// <summary>Finds a method by its name, such as <c>task_arithmetic</c>.</summary>
    /// <exception cref="ArgumentException">There is none; the message names the nearest.</exception>
    public static MergeMethod Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return MergeMethods.Find(name);
    }
}
