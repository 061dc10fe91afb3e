using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>
/// The built-in strategies. Each has a page in docs/strategies with formula and source, and its own file, which contains its part of this
/// class.
/// </summary>
public static partial class MergeStrategies
{
    /// <summary>All methods by name, with their parameters.</summary>
    public static IReadOnlyList<MergeMethod> Methods => MergeMethods.All;

    /// <summary>Finds a method by its name, such as <c>task_arithmetic</c>.</summary>
    /// <exception cref="ArgumentException">There is no such method; the message suggests the closest name.</exception>
    public static MergeMethod Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return MergeMethods.Find(name);
    }
}
