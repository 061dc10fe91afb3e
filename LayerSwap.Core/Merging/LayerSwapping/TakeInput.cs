using System.Globalization;
using LayerSwap.Merging;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>The base's bytes, or the first source's if there is no base.</summary>
    public static IMergeStrategy Keep { get; } = new TakeInput("keep", null);

    /// <summary>The bytes of one source, unchanged.</summary>
    /// <param name="source">From 0, in the order the sources were added, or <see cref="TensorOperation.Base"/>.</param>
    public static IMergeStrategy Take(int source)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(source, TensorOperation.Base);
        return new TakeInput("take", source);
    }
}

/// <summary>Takes every tensor from one input; if none is named, from the base, or the first source without a base.</summary>
internal sealed class TakeInput(string name, int? source) : IMergeStrategy
{
    public string Name => name;

    public string Settings => ToString();

    public int? Source => source;

    public override string ToString() => source switch
    {
        null => "the base, or the first source",
        TensorOperation.Base => "the base",
        _ => string.Create(CultureInfo.InvariantCulture, $"source {source}"),
    };

    public TensorOperation Bind(TensorContext tensor)
    {
        int from = source ?? (tensor.HasBase ? TensorOperation.Base : 0);
        if (from == TensorOperation.Base && !tensor.HasBase)
        {
            throw new MergeException($"{name}: there is no base to take from. Remedy: give a base.");
        }

        return from < tensor.SourceCount ? TensorOperation.Take(from)
            : throw new MergeException($"{name}: there is no source {from}; the merge has {tensor.SourceCount}, counted from 0.");
    }
}
