namespace LayerSwap;

/// <summary>
/// A choice of tensors by their place: layers, kinds, names. Combined with <c>|</c> (either), <c>&amp;</c> (both) and <c>!</c> (all others);
/// printed as it would be typed. Made by <see cref="Layers"/>; nobody else can derive from it.
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

    /// <summary>Whether a tensor at this place is chosen.</summary>
    public bool Matches(TensorPlace place)
    {
        ArgumentNullException.ThrowIfNull(place);
        return _matches(place);
    }

    /// <summary>The indices of the main stack's layers that are chosen whole.</summary>
    /// <param name="map">The layers of a model.</param>
    public IReadOnlyList<int> LayersOf(LayerMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        return [.. map.Places.Where(p => p.InMainStack).GroupBy(p => p.Layer!.Value).Where(layer => layer.All(_matches)).Select(layer => layer.Key).Order()];
    }

    /// <summary>The selector as it would be typed.</summary>
    public override string ToString() => _text;

    /// <summary>What either side chooses.</summary>
    public static LayerSelector operator |(LayerSelector left, LayerSelector right) =>
        new($"{left} | {right}", p => left._matches(p) || right._matches(p), compound: true);

    /// <summary>What both sides choose.</summary>
    public static LayerSelector operator &(LayerSelector left, LayerSelector right) =>
        new($"{left.Atom} & {right.Atom}", p => left._matches(p) && right._matches(p), compound: true);

    /// <summary>What the selector does not choose; of the whole model, not only of its layers.</summary>
    public static LayerSelector operator !(LayerSelector selector) =>
        new($"!{selector.Atom}", p => !selector._matches(p));

    private string Atom => _compound ? $"({_text})" : _text;
}
