using LayerSwap.Common;

namespace LayerSwap.Merging;

/// <summary>The catalogue of methods. A new method is added here, by its descriptor.</summary>
internal static class MergeMethods
{
    public static IReadOnlyList<MergeMethod> All { get; } =
    [
        LayerSwapStrategy.Descriptor.Method, ShareSwap.Descriptor.Method, Passthrough.Descriptor.Method,
        Linear.Descriptor.Method, NearSwap.Descriptor.Method, ThresholdInterpolation.Descriptor.Method, ArceeFusion.Descriptor.Method,
        Slerp.Descriptor.Method, NuSlerp.Descriptor.Method, MultiSlerp.Descriptor.Method, Karcher.Descriptor.Method,
        ModelStock.Descriptor.Method, TaskArithmetic.Descriptor.Method, Lines.Descriptor.Method, ExPO.Descriptor.Method,
        Ties.Descriptor.Method, Dare.LinearDescriptor.Method, Dare.TiesDescriptor.Method,
        Breadcrumbs.LinearDescriptor.Method, Breadcrumbs.TiesDescriptor.Method, Della.TiesDescriptor.Method, Della.LinearDescriptor.Method,
        Sce.Descriptor.Method, Ram.Descriptor.Method, RamPlus.Descriptor.Method,
    ];

    /// <summary>Finds a method by name.</summary>
    /// <exception cref="ArgumentException">There is no such method; the message suggests the closest name.</exception>
    public static MergeMethod Find(string name)
    {
        string[] names = [.. All.Select(m => m.Name)];
        return All.FirstOrDefault(m => m.Name == name) ?? throw new ArgumentException(
            $"There is no method {Printable.Escape(name)}; nearest is {ClosestMatch.Find(name, names)}. "
            + $"There are {string.Join(", ", names)}.",
            nameof(name));
    }
}
