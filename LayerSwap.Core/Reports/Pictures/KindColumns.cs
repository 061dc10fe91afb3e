using LayerSwap.Analysis;

namespace LayerSwap.Reports.Pictures;

/// <summary>A stack of layers as rows of kinds: what the paper's picture has as columns (q, k, v, o, gate, up, down), told from components' names.</summary>
internal sealed class KindColumns
{
    private static readonly string[] Known = ["q", "k", "v", "qkv", "o", "gate", "up", "down", "norms"];

    private readonly Dictionary<(int Layer, string Kind), ChangeTotal> _cells;

    private KindColumns(string stack, int layers, string[] kinds, Dictionary<(int, string), ChangeTotal> cells) =>
        (Stack, Layers, Kinds, _cells) = (stack, layers, kinds, cells);

    public string Stack { get; }

    public int Layers { get; }

    public IReadOnlyList<string> Kinds { get; }

    /// <summary>What was measured there, or null where a layer has nothing of the kind.</summary>
    public ChangeTotal? this[int layer, string kind] => _cells.GetValueOrDefault((layer, kind));

    /// <summary>Every stack of the model, the main one first.</summary>
    public static IEnumerable<KindColumns> Of(DiffMeasurement measured)
    {
        foreach ((string stack, int layers) in measured.Map.Stacks.OrderByDescending(s => s.Key == measured.Map.MainStack))
        {
            var cells = measured.GroupBy(p => p.Stack == stack ? new Cell(p.Layer!.Value, KindOf(p)) : null).ToDictionary(g => (g.Key.Layer, g.Key.Kind), g => g.Total);
            string[] kinds = [.. cells.Keys.Select(c => c.Kind).Distinct(StringComparer.Ordinal)];
            yield return new KindColumns(stack, layers, [.. Known.Intersect(kinds, StringComparer.Ordinal), .. kinds.Except(Known, StringComparer.Ordinal)], cells);
        }
    }

    /// <summary>A component's short name: the last word of it that says something, norms all together, experts apart.</summary>
    public static string KindOf(TensorPlace place)
    {
        if (place.Kind == TensorKind.Norm)
        {
            return "norms";
        }

        string[] words = [.. place.Component.Split('.').Where(w => w is not ("weight" or "bias"))];
        string last = words.Length == 0 ? place.Component : words[^1];
        last = last.EndsWith("_proj", StringComparison.Ordinal) ? last[..^"_proj".Length] : last;
        return place.Component.Contains(".*.", StringComparison.Ordinal) ? "experts " + last : last;
    }

    private sealed record Cell(int Layer, string Kind);
}
