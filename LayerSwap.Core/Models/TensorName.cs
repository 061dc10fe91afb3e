using System.Globalization;

namespace LayerSwap.Models;

/// <summary>A tensor's name taken apart: the stack it may belong to, the layer's number, the component.</summary>
internal readonly record struct TensorName(string? Stack, int Layer, string Component)
{
    /// <summary>Words that name a stack of layers in every family seen; other repeated blocks must prove themselves (LayerMap).</summary>
    private static readonly string[] StackWords = ["layers", "layer", "h", "blocks", "block", "resblocks"];

    /// <summary>Whether the stack's own name says that it is one.</summary>
    public bool IsKnownStack => Stack is not null && StackWords.Contains(Stack[(Stack.LastIndexOf('.') + 1)..], StringComparer.Ordinal);

    /// <summary>
    /// The first number in the name that does not count experts is the candidate for the layer: <c>block.3.layer.1</c> is layer 3, and
    /// <c>layers.3.mlp.experts.17</c> too.
    /// </summary>
    public static TensorName Parse(string name)
    {
        int before = 0;
        for (int start = name.IndexOf('.', StringComparison.Ordinal) + 1; start > 0;)
        {
            int end = name.IndexOf('.', start);
            if (end < 0)
            {
                break;
            }

            if (IsNumber(name.AsSpan(start, end - start), out int layer) && !CountsExperts(name.AsSpan(before, start - 1 - before)))
            {
                return new TensorName(name[..(start - 1)], layer, ComponentOf(name[(end + 1)..]));
            }

            (before, start) = (start, end + 1);
        }

        return new TensorName(null, 0, ComponentOf(name));
    }

    private static string ComponentOf(string rest)
    {
        string component = rest.EndsWith(".weight", StringComparison.Ordinal) ? rest[..^".weight".Length] : rest;
        if (!CountsExperts(component))
        {
            return component;
        }

        string[] kept = component.Split('.');
        for (int i = 1; i < kept.Length; i++)
        {
            if (IsNumber(kept[i], out _) && CountsExperts(kept[i - 1]))
            {
                kept[i] = "*";
            }
        }

        return string.Join('.', kept);
    }

    private static bool IsNumber(ReadOnlySpan<char> part, out int number) =>
        int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number < 1_000_000;

    private static bool CountsExperts(ReadOnlySpan<char> part) => part.Contains("expert", StringComparison.OrdinalIgnoreCase);
}
