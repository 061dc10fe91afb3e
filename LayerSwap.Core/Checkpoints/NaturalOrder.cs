namespace LayerSwap.Checkpoints;

/// <summary>Ordinal order, but runs of digits compare as numbers: <c>layers.2</c> before <c>layers.10</c>. Total: equal only if identical.</summary>
internal sealed class NaturalOrder : IComparer<string>
{
    public static NaturalOrder Instance { get; } = new();

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveOptimization)]
    public int Compare(string? x, string? y)
    {
        ReadOnlySpan<char> a = x, b = y;
        // What both begin with decides nothing, but a number that it ends in may go on.
        int same = a.CommonPrefixLength(b);
        while (same > 0 && char.IsAsciiDigit(a[same - 1]))
        {
            same--;
        }

        a = a[same..];
        b = b[same..];
        while (!a.IsEmpty && !b.IsEmpty)
        {
            int compared;
            if (char.IsAsciiDigit(a[0]) && char.IsAsciiDigit(b[0]))
            {
                ReadOnlySpan<char> left = Digits(ref a), right = Digits(ref b);
                compared = left.Length != right.Length ? left.Length.CompareTo(right.Length) : left.SequenceCompareTo(right);
            }
            else
            {
                compared = a[0].CompareTo(b[0]);
                a = a[1..];
                b = b[1..];
            }

            if (compared != 0)
            {
                return compared;
            }
        }

        int lengths = a.Length.CompareTo(b.Length);
        return lengths != 0 ? lengths : string.CompareOrdinal(x, y);
    }

    /// <summary>Cuts a run of digits off the front and gives it without leading zeros.</summary>
    private static ReadOnlySpan<char> Digits(ref ReadOnlySpan<char> text)
    {
        // Numbers are short: a plain loop is done before a search has started.
        int start = 0, end;
        while (start < text.Length && text[start] == '0')
        {
            start++;
        }

        for (end = start; end < text.Length && char.IsAsciiDigit(text[end]); end++)
        {
        }

        ReadOnlySpan<char> digits = text[start..end];
        text = text[end..];
        return digits;
    }
}
