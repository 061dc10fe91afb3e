using System.Globalization;

namespace LayerSwap.LayerMaps;

/// <summary>The parts of a tensor's name: candidate stack, layer number, component.</summary>
internal readonly record struct TensorName(string? Stack, int Layer, string Component)
{
    /// <summary>Words that always name a stack of layers. <see cref="LayerMap"/> checks other repeated blocks.</summary>
    private static readonly string[] StackWords = ["layers", "layer", "h", "blocks", "block", "resblocks"];

    private const int MaxStackAlloc = 256;

    /// <summary>Whether the stack's last word is a well-known one.</summary>
    public bool IsKnownStack =>
        Stack is not null && StackWords.Contains(Stack[(Stack.LastIndexOf('.') + 1)..], StringComparer.Ordinal);

    /// <summary>
    /// Parses a name. The layer number is the first number that is not an expert's: <c>block.3.layer.1</c> and
    /// <c>layers.3.mlp.experts.17</c> are both in layer 3.
    /// </summary>
    public static TensorName Parse(string name, NamePool pool)
    {
        int previous = 0;
        for (int start = name.IndexOf('.', StringComparison.Ordinal) + 1; start > 0;)
        {
            int end = name.IndexOf('.', start);
            if (end < 0)
            {
                break;
            }

            if (IsNumber(name.AsSpan(start, end - start), out int layer)
                && !NamesExperts(name.AsSpan(previous, start - 1 - previous)))
            {
                return new TensorName(pool.Intern(name.AsSpan(0, start - 1)), layer, ParseComponent(name.AsSpan(end + 1), pool));
            }

            (previous, start) = (start, end + 1);
        }

        return new TensorName(null, 0, ParseComponent(name, pool));
    }

    /// <summary>Removes <c>.weight</c> and replaces expert numbers by <c>*</c>.</summary>
    private static string ParseComponent(ReadOnlySpan<char> rest, NamePool pool)
    {
        ReadOnlySpan<char> component = rest.EndsWith(".weight", StringComparison.Ordinal) ? rest[..^".weight".Length] : rest;
        if (!NamesExperts(component))
        {
            return pool.Intern(component);
        }

        Span<char> result = component.Length <= MaxStackAlloc ? stackalloc char[component.Length] : new char[component.Length];
        int length = 0;
        ReadOnlySpan<char> previous = default;
        foreach (Range range in component.Split('.'))
        {
            ReadOnlySpan<char> part = component[range];
            if (range.Start.Value > 0)
            {
                result[length++] = '.';
            }

            ReadOnlySpan<char> written = IsNumber(part, out _) && NamesExperts(previous) ? "*"
                // Switch Transformers: expert_17.
                : part.StartsWith("expert_", StringComparison.Ordinal) && IsNumber(part["expert_".Length..], out _) ? "expert_*"
                : part;
            written.CopyTo(result[length..]);
            length += written.Length;
            previous = part;
        }

        return pool.Intern(result[..length]);
    }

    private static bool IsNumber(ReadOnlySpan<char> part, out int number) =>
        int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number < 1_000_000;

    private static bool NamesExperts(ReadOnlySpan<char> part) => part.Contains("expert", StringComparison.OrdinalIgnoreCase);
}
