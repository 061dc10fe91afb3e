using System.Globalization;

namespace LayerSwap.Merging;

/// <summary>Takes every tensor from one input; from the base, or the first source without one, where none is named.</summary>
internal sealed class TakeStrategy(string name, int? source) : IMergeStrategy
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
        return from == TensorOperation.Base && !tensor.HasBase ? throw new MergeException($"{name}: there is no base to take from. Remedy: give a base.")
            : from >= tensor.SourceCount ? throw new MergeException($"{name}: there is no source {from}; the merge has {tensor.SourceCount}, counted from 0.")
            : TensorOperation.Take(from);
    }
}
