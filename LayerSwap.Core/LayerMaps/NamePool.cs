namespace LayerSwap.LayerMaps;

/// <summary>Interns strings: a hundred thousand names consist of a few hundred distinct parts.</summary>
internal sealed class NamePool
{
    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _bySpan;

    public NamePool() => _bySpan = _texts.GetAlternateLookup<ReadOnlySpan<char>>();

    public string Intern(ReadOnlySpan<char> text)
    {
        if (!_bySpan.TryGetValue(text, out string? interned))
        {
            _texts.Add(interned = text.ToString());
        }

        return interned;
    }
}
