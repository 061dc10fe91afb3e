using System.Globalization;

namespace LayerSwap.LayerMaps;

/// <summary>A tensor's name taken apart: the stack it may belong to, the layer's number, the component.</summary>
internal readonly record struct TensorName(string? Stack, int Layer, string Component)
{
    /// <summary>Words that name a stack of layers in every family seen; other repeated blocks must prove themselves (LayerMap).</summary>
    private static readonly string[] StackWords = ["layers", "layer", "h", "blocks", "block", "resblocks"];

    private const int MostOnStack = 256;

    /// <summary>Whether the stack's own name says that it is one.</summary>
    public bool IsKnownStack => Stack is not null && StackWords.Contains(Stack[(Stack.LastIndexOf('.') + 1)..], StringComparer.Ordinal);

    /// <summary>
    /// The first number in the name that does not count experts is the candidate for the layer: <c>block.3.layer.1</c> is layer 3, and
    /// <c>layers.3.mlp.experts.17</c> too.
    /// </summary>
    public static TensorName Parse(string name, NamePool pool)
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
                return new TensorName(pool.Of(name.AsSpan(0, start - 1)), layer, ComponentOf(name.AsSpan(end + 1), pool));
            }

            (before, start) = (start, end + 1);
        }

        return new TensorName(null, 0, ComponentOf(name, pool));
    }

    private static string ComponentOf(ReadOnlySpan<char> rest, NamePool pool)
    {
        ReadOnlySpan<char> component = rest.EndsWith(".weight", StringComparison.Ordinal) ? rest[..^".weight".Length] : rest;
        if (!CountsExperts(component))
        {
            return pool.Of(component);
        }

        Span<char> kept = component.Length <= MostOnStack ? stackalloc char[component.Length] : new char[component.Length];
        int length = 0;
        ReadOnlySpan<char> before = default;
        foreach (Range range in component.Split('.'))
        {
            ReadOnlySpan<char> part = component[range];
            if (range.Start.Value > 0)
            {
                kept[length++] = '.';
            }

            ReadOnlySpan<char> shown = IsNumber(part, out _) && CountsExperts(before) ? "*"
                // Switch Transformers number them in their names.
                : part.StartsWith("expert_", StringComparison.Ordinal) && IsNumber(part["expert_".Length..], out _) ? "expert_*"
                : part;
            shown.CopyTo(kept[length..]);
            length += shown.Length;
            before = part;
        }

        return pool.Of(kept[..length]);
    }

    private static bool IsNumber(ReadOnlySpan<char> part, out int number) =>
        int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number < 1_000_000;

    private static bool CountsExperts(ReadOnlySpan<char> part) => part.Contains("expert", StringComparison.OrdinalIgnoreCase);
}
