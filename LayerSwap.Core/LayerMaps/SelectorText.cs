using System.Globalization;

namespace LayerSwap.LayerMaps;

/// <summary>Reads selectors as people type them: <c>layers:0-4,31</c>, <c>kind:norm</c>, <c>stack:encoder.block</c>, or a part of tensors' names.</summary>
internal static class SelectorText
{
    /// <summary>The forms, for messages and help.</summary>
    public const string Forms = "layers:0-4,31, kind:norm, stack:NAME, or a part of tensors' names (* and ? stand for others)";

    /// <summary>Any model has fewer.</summary>
    private const int MostLayers = 100_000;

    /// <returns>Null if it is none of the forms.</returns>
    public static LayerSelector? TryParse(string text)
    {
        string[] parts = text.Split(':', 2);
        return parts is ["layers", var ranges] ? TryLayers(ranges) is { } numbers ? Layers.At([.. numbers]) : null
            : parts is ["kind", var word] ? TryKind(word) is { } kind ? Layers.OfKind(kind) : null
            : parts is ["stack", { Length: > 0 } stack] ? Layers.InStack(stack)
            : text.Length > 0 ? Containing(text)
            : null;
    }

    /// <summary>Tensors whose name contains a text.</summary>
    public static LayerSelector Containing(string part) => Layers.Named($"*{part}*");

    /// <returns>Null if there is no such kind.</returns>
    public static TensorKind? TryKind(string? word) => Enum.TryParse(word, ignoreCase: true, out TensorKind kind) && Enum.IsDefined(kind) && !char.IsAsciiDigit(word![0]) ? kind : null;

    /// <summary>Numbers and ranges such as <c>0-4,31</c>, both ends included.</summary>
    /// <returns>Null if it is something else.</returns>
    public static IReadOnlyList<int>? TryLayers(string text)
    {
        List<int> numbers = [];
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Trim().Split('-');
            if (ends.Length > 2 || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first) || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last)
                || last < first || last >= MostLayers || numbers.Count + (last - first) >= MostLayers)
            {
                return null;
            }

            numbers.AddRange(Enumerable.Range(first, last - first + 1));
        }

        return numbers;
    }
}
