using LayerSwap.Diff;

namespace LayerSwap.Reports.Pictures;

/// <summary>A stack of layers as rows of kinds of weights (q, k, v, o, gate, up, down), derived from components' names.</summary>
internal sealed class KindColumns
{
    private static readonly string[] Known = ["q", "k", "v", "qkv", "o", "gate", "up", "down"];

    private const string Norms = "norms";

    private readonly Dictionary<(int Layer, string Kind), DeltaTotal> _cells;
    private readonly Func<TensorPlace, string> _kindOf;

    private KindColumns(
        string stack, int layers, string[] kinds, Dictionary<(int, string), DeltaTotal> cells, Func<TensorPlace, string> kindOf) =>
        (Stack, Layers, Kinds, _cells, _kindOf) = (stack, layers, kinds, cells, kindOf);

    public string Stack { get; }

    public int Layers { get; }

    public IReadOnlyList<string> Kinds { get; }

    /// <summary>The measurement of a layer and kind; null if the layer has no tensor of the kind.</summary>
    public DeltaTotal? this[int layer, string kind] => _cells.GetValueOrDefault((layer, kind));

    /// <summary>Lists the stacks of the model, the main one first.</summary>
    public static IEnumerable<KindColumns> Of(DiffMeasurement measured)
    {
        foreach ((string stack, int layers) in measured.Map.Stacks.OrderByDescending(s => s.Key == measured.Map.MainStack))
        {
            Func<TensorPlace, string> kindOf = Names(measured, stack);
            var cells = measured.GroupBy(p => p.Stack == stack ? new Cell(p.Layer!.Value, kindOf(p)) : null)
                .ToDictionary(g => (g.Key.Layer, g.Key.Kind), g => g.Total);
            string[] kinds = [.. cells.Keys.Select(c => c.Kind).Distinct(StringComparer.Ordinal)];
            string[] ordered =
            [
                .. Known.Intersect(kinds, StringComparer.Ordinal),
                .. kinds.Except(Known, StringComparer.Ordinal).Except([Norms], StringComparer.Ordinal),
                .. kinds.Intersect([Norms], StringComparer.Ordinal),
            ];
            yield return new KindColumns(stack, layers, ordered, cells, kindOf);
        }
    }

    /// <summary>Returns the column of a tensor of this stack.</summary>
    public string KindOf(TensorPlace place) => _kindOf(place);

    /// <summary>
    /// Chooses short names for a stack's components: the fewest last words that make the name unique. All norms have one name.
    /// </summary>
    private static Func<TensorPlace, string> Names(DiffMeasurement measured, string stack)
    {
        string[][] components =
        [
            .. measured.Tensors.Select(t => measured.Map[t.Name]).Where(p => p.Stack == stack && p.Kind != TensorKind.Norm)
                .Select(p => Base(p.Component)).Distinct(StringComparer.Ordinal).Select(c => c.Split('.')),
        ];
        Dictionary<string, string> names = new(StringComparer.Ordinal);
        foreach (string[] words in components)
        {
            int count = 1;
            while (count < words.Length
                && (words[^count] == "*" || components.Any(other => other != words && Tail(other, count) == Tail(words, count))))
            {
                count++;
            }

            names[string.Join('.', words)] = Tail(words, count);
        }

        return place => place.Kind == TensorKind.Norm ? Norms : names[Base(place.Component)];
    }

    /// <summary>Removes the suffix of a bias: a weight and its bias have one kind.</summary>
    private static string Base(string component) =>
        component.EndsWith(".bias", StringComparison.Ordinal) && component.Count(c => c == '.') > 1
            ? component[..^".bias".Length]
            : component;

    /// <summary>Joins the last words of a name. A single word is shortened: q for q_proj.</summary>
    private static string Tail(string[] words, int count) =>
        count == 1 && words[^1].EndsWith("_proj", StringComparison.Ordinal) && words[^1].Split('_').Length == 2
            ? words[^1][..^"_proj".Length]
            : string.Join('.', words.TakeLast(count));

    private sealed record Cell(int Layer, string Kind);
}
