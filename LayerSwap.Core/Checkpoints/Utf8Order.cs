namespace LayerSwap.Checkpoints;

/// <summary>Orders strings by their UTF-8 bytes, that is by code point, not by UTF-16 code unit.</summary>
internal sealed class Utf8Order : IComparer<string>
{
    public static Utf8Order Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        int prefix = x.AsSpan().CommonPrefixLength(y);
        if (prefix == x!.Length || prefix == y!.Length)
        {
            return x.Length.CompareTo(y!.Length);
        }

        // Surrogates encode code points above all other code units.
        return (char.IsSurrogate(x[prefix]), x[prefix]).CompareTo((char.IsSurrogate(y[prefix]), y[prefix]));
    }
}
