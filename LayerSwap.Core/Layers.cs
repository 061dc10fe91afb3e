using System.Globalization;
using System.IO.Enumeration;

namespace LayerSwap;

/// <summary>
/// Creates <see cref="LayerSelector"/>s. Layer numbers count from 0 in the main stack (<see cref="LayerMap.MainStack"/>), except in
/// <see cref="InStack"/>.
/// </summary>
public static class Layers
{
    /// <summary>Every tensor of every layer of the main stack.</summary>
    public static LayerSelector All { get; } = new("Layers.All", p => p.InMainStack);

    /// <summary>Every tensor of the model, including those outside the layers.</summary>
    public static LayerSelector Everything { get; } = new("Layers.Everything", _ => true);

    /// <summary>Every tensor outside the layers.</summary>
    public static LayerSelector Outside { get; } = new("Layers.Outside", p => p.Layer is null);

    /// <summary>Embeddings outside the layers.</summary>
    public static LayerSelector Embeddings { get; } = new("Layers.Embeddings", p => p.Kind == TensorKind.Embedding);

    /// <summary>The output head.</summary>
    public static LayerSelector Head { get; } = new("Layers.Head", p => p.Kind == TensorKind.Head);

    /// <summary>The normalisation after the last layer, and any other outside the layers.</summary>
    public static LayerSelector FinalNorm { get; } = new("Layers.FinalNorm", p => p.Kind == TensorKind.Norm && p.Layer is null);

    /// <summary>Every normalisation, inside and outside the layers.</summary>
    public static LayerSelector Norms { get; } = new("Layers.Norms", p => p.Kind == TensorKind.Norm);

    /// <summary>Attention weights inside the layers.</summary>
    public static LayerSelector Attention { get; } = new("Layers.Attention", p => p.Kind == TensorKind.Attention);

    /// <summary>Feed-forward weights inside the layers, including experts.</summary>
    public static LayerSelector Mlp { get; } = new("Layers.Mlp", p => p.Kind == TensorKind.Mlp);

    /// <summary>Selects the first layers.</summary>
    /// <param name="count">The number of layers, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public static LayerSelector First(int count) => Checked(count, nameof(count), $"Layers.First({count})", p => p.Layer < count);

    /// <summary>Selects the last layers.</summary>
    /// <param name="count">The number of layers, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public static LayerSelector Last(int count) =>
        Checked(count, nameof(count), $"Layers.Last({count})", p => p.Layer >= p.LayerCount - count);

    /// <summary>The layers from <paramref name="start"/> up to, but without, <paramref name="end"/>.</summary>
    /// <param name="start">From 0.</param>
    /// <param name="end">Not below <paramref name="start"/>.</param>
    public static LayerSelector Range(int start, int end)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(end, start);
        return Checked(start, nameof(start), $"Layers.Range({start}, {end})", p => p.Layer >= start && p.Layer < end);
    }

    /// <summary>Selects single layers by number.</summary>
    /// <param name="layers">Numbers from 0; those past the last layer match nothing.</param>
    public static LayerSelector At(params ReadOnlySpan<int> layers)
    {
        HashSet<int> set = [.. layers];
        string text = string.Join(", ", set.Order().Select(l => l.ToString(CultureInfo.InvariantCulture)));
        return new($"Layers.At({text})", p => p.InMainStack && set.Contains(p.Layer!.Value));
    }

    /// <summary>Selects the tensors of one kind.</summary>
    public static LayerSelector OfKind(TensorKind kind) => new($"Layers.OfKind({kind})", p => p.Kind == kind);

    /// <summary>Selects the tensors whose name matches a pattern with <c>*</c> and <c>?</c>, case-sensitive.</summary>
    public static LayerSelector Named(string pattern)
    {
        ArgumentException.ThrowIfNullOrEmpty(pattern);
        // The matcher would read a backslash as an escape.
        string escaped = pattern.Replace("\\", "\\\\", StringComparison.Ordinal);
        return new(
            $"Layers.Named(\"{Printable.Escape(pattern)}\")",
            p => FileSystemName.MatchesSimpleExpression(escaped, p.Name, ignoreCase: false));
    }

    /// <summary>Selects the tensors of one stack by its name, such as <c>vision_tower.encoder.layers</c>.</summary>
    public static LayerSelector InStack(string stack)
    {
        ArgumentException.ThrowIfNullOrEmpty(stack);
        return new($"Layers.InStack(\"{Printable.Escape(stack)}\")", p => p.Stack == stack);
    }

    /// <summary>
    /// Parses a selector: <c>layers:0-4,31</c>, <c>kind:norm</c>, <c>stack:encoder.block</c>, or a part of a tensor name with <c>*</c> and
    /// <c>?</c> as wildcards.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <exception cref="FormatException">The text is not a selector.</exception>
    public static LayerSelector Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return LayerMaps.SelectorParser.TryParse(text)
            ?? throw new FormatException($"{Printable.Escape(text)} selects nothing: {LayerMaps.SelectorParser.Forms} is expected.");
    }

    private static LayerSelector Checked(int value, string argument, string text, Func<TensorPlace, bool> matches)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value, argument);
        return new(text, p => p.InMainStack && matches(p));
    }
}
