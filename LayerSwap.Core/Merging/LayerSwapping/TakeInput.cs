using System.Globalization;

namespace LayerSwap;

public static partial class MergeStrategies
{
    /// <summary>Copies the bytes of the base, or of the first source without a base.</summary>
    public static IMergeStrategy Keep { get; } = new TakeInput("keep", null);

    /// <summary>Copies the bytes of one source.</summary>
    /// <param name="source">The index of the source, from 0 in the order in which they were added, or
    /// <see cref="TensorOperation.Base"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The index is below <see cref="TensorOperation.Base"/>.</exception>
    public static IMergeStrategy Take(int source)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(source, TensorOperation.Base);
        return new TakeInput("take", source);
    }
}

/// <summary>Copies every tensor from one input; by default the base, or the first source without a base.</summary>
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
