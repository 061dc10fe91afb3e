namespace LayerSwap.LayerMaps;

/// <summary>One text for all that are equal: the parts of a hundred thousand names are a few hundred.</summary>
internal sealed class NamePool
{
    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _bySpan;

    public NamePool() => _bySpan = _texts.GetAlternateLookup<ReadOnlySpan<char>>();

    public string Of(ReadOnlySpan<char> text)
    {
        if (!_bySpan.TryGetValue(text, out string? known))
        {
            _texts.Add(known = text.ToString());
        }

        return known;
    }
}
