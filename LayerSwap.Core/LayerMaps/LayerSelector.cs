namespace LayerSwap;

/// <summary>
/// Selects tensors by place: layers, kinds, names. Combined with <c>|</c> (union), <c>&amp;</c> (intersection) and <c>!</c> (complement).
/// Created by <see cref="Layers"/>.
/// </summary>
public class LayerSelector
{
    private readonly Func<TensorPlace, bool> _matches;
    private readonly string _text;
    private readonly bool _compound;

    internal LayerSelector(string text, Func<TensorPlace, bool> matches, bool compound = false)
    {
        _text = text;
        _matches = matches;
        _compound = compound;
    }

    /// <summary>Whether a tensor at this place is selected.</summary>
    public bool Matches(TensorPlace place)
    {
        ArgumentNullException.ThrowIfNull(place);
        return _matches(place);
    }

    /// <summary>Lists the indices of the main stack's layers whose tensors are all selected.</summary>
    /// <param name="map">The layers of a model.</param>
    public IReadOnlyList<int> LayersOf(LayerMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        return [.. map.Places
            .Where(p => p.InMainStack)
            .GroupBy(p => p.Layer!.Value)
            .Where(layer => layer.All(_matches))
            .Select(layer => layer.Key)
            .Order()];
    }

    /// <summary>Formats the selector as C# code.</summary>
    public override string ToString() => _text;

    /// <summary>Selects tensors that either side selects.</summary>
    public static LayerSelector operator |(LayerSelector left, LayerSelector right) =>
        new($"{left} | {right}", p => left._matches(p) || right._matches(p), compound: true);

    /// <summary>Selects tensors that both sides select.</summary>
    public static LayerSelector operator &(LayerSelector left, LayerSelector right) =>
        new($"{left.Atom} & {right.Atom}", p => left._matches(p) && right._matches(p), compound: true);

    /// <summary>Selects tensors that the selector does not, from the whole model and not only from its layers.</summary>
    public static LayerSelector operator !(LayerSelector selector) =>
        new($"!{selector.Atom}", p => !selector._matches(p));

    private string Atom => _compound ? $"({_text})" : _text;
}
