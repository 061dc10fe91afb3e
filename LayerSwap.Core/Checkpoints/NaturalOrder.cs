using System.Runtime.CompilerServices;

namespace LayerSwap.Checkpoints;

/// <summary>Ordinal order, but runs of digits compare as numbers: <c>layers.2</c> before <c>layers.10</c>. A total order.</summary>
internal sealed class NaturalOrder : IComparer<string>
{
    public static NaturalOrder Instance { get; } = new();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int Compare(string? x, string? y)
    {
        ReadOnlySpan<char> a = x, b = y;
        // Skip the common prefix, except digits at its end: the number may continue.
        int prefix = a.CommonPrefixLength(b);
        while (prefix > 0 && char.IsAsciiDigit(a[prefix - 1]))
        {
            prefix--;
        }

        a = a[prefix..];
        b = b[prefix..];
        while (!a.IsEmpty && !b.IsEmpty)
        {
            int compared;
            if (char.IsAsciiDigit(a[0]) && char.IsAsciiDigit(b[0]))
            {
                ReadOnlySpan<char> left = TakeDigits(ref a), right = TakeDigits(ref b);
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

        int byLength = a.Length.CompareTo(b.Length);
        return byLength != 0 ? byLength : string.CompareOrdinal(x, y);
    }

    /// <summary>Removes a run of digits from the front of the text and returns it without leading zeros.</summary>
    private static ReadOnlySpan<char> TakeDigits(ref ReadOnlySpan<char> text)
    {
        // Numbers are short: a loop is faster than IndexOfAnyExcept.
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
