using System.Globalization;

namespace LayerSwap.LayerMaps;

/// <summary>Parses selectors: <c>layers:0-4,31</c>, <c>kind:norm</c>, <c>stack:encoder.block</c>, or a part of tensor names.</summary>
internal static class SelectorParser
{
    /// <summary>The accepted forms, for messages and help.</summary>
    public const string Forms = "layers:0-4,31, kind:norm, stack:NAME, or a part of tensor names (* and ? are wildcards)";

    /// <summary>More layers than any model has.</summary>
    private const int MaxLayers = 100_000;

    /// <returns>Null if the text has none of the forms.</returns>
    public static LayerSelector? TryParse(string text)
    {
        string[] parts = text.Split(':', 2);
        return parts switch
        {
            ["layers", var ranges] => TryLayers(ranges) is { } numbers ? Layers.At([.. numbers]) : null,
            ["kind", var word] => TryKind(word) is { } kind ? Layers.OfKind(kind) : null,
            ["stack", { Length: > 0 } stack] => Layers.InStack(stack),
            _ => text.Length > 0 ? Containing(text) : null,
        };
    }

    /// <summary>Selects tensors whose name contains a text.</summary>
    public static LayerSelector Containing(string part) => Layers.Named($"*{part}*");

    /// <summary>Parses the name of a tensor kind.</summary>
    /// <returns>Null if there is no such kind.</returns>
    public static TensorKind? TryKind(string? word)
    {
        bool isKind = Enum.TryParse(word, ignoreCase: true, out TensorKind kind) && Enum.IsDefined(kind) && !char.IsAsciiDigit(word![0]);
        return isKind ? kind : null;
    }

    /// <summary>Parses numbers and inclusive ranges such as <c>0-4,31</c>.</summary>
    /// <returns>Null if the text is not a list of numbers and ranges.</returns>
    public static IReadOnlyList<int>? TryLayers(string text)
    {
        List<int> numbers = [];
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Trim().Split('-');
            if (ends.Length > 2
                || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
                || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last)
                || last < first
                || last >= MaxLayers
                || numbers.Count + (last - first) >= MaxLayers)
            {
                return null;
            }

            numbers.AddRange(Enumerable.Range(first, last - first + 1));
        }

        return numbers;
    }
}
