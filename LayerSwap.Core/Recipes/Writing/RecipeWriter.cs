using System.Globalization;
using System.Text;
using System.Text.Json;
using LayerSwap.Checkpoints;
using LayerSwap.IO;
using LayerSwap.Merging;
using LayerSwap.Planning;

namespace LayerSwap.Recipes;

/// <summary>Writes a merge down as a recipe. What varies by place in a way that gradients cannot say is written tensor by tensor: longer, and as exact.</summary>
internal sealed class RecipeWriter
{
    private readonly PlanRequest _request;
    private readonly LayerMap _map;
    private readonly StringBuilder _yaml = new();

    /// <summary>The places that values are written for.</summary>
    private TensorPlace[] _places;

    private RecipeWriter(PlanRequest request)
    {
        _request = request;
        _map = LayerMap.OfAll(request.Inputs);
        _places = [.. _map.Places];
    }

    public static string Write(PlanRequest request)
    {
        RecipeWriter writer = new(request);
        try
        {
            writer.Write();
        }
        catch (NotSupportedException e)
        {
            throw new MergeException($"This merge cannot be written as a recipe: {e.Message}");
        }

        return writer._yaml.ToString();
    }

    private void Write()
    {
        if (_request.Tokenizer is not null || _request.Beside.Count > 0)
        {
            throw new NotSupportedException("its tokenizer was made from several.");
        }

        // Slices have rules of their own, and the first then holds nowhere.
        bool stacked = _request.Sources.Any(s => s.Checkpoint is MappedCheckpoint { Slices: not null });
        IMergeStrategy strategy = (stacked && _request.Rules.Count > 1 && _request.Rules[1].Only is not null ? _request.Rules[1] : _request.Rules[0]).Strategy;
        bool isWholeModel = strategy is IMethodStrategy { Method.IsWholeModel: true };
        (string Name, object Value)[] parameters = strategy is TakeInput ? [] : [.. Form(strategy).Parameters];
        string name = strategy is TakeInput take ? MethodOf(take) : strategy.Name;
        Line(0, $"merge_method: {name}");
        if (_request.Base is { } origin)
        {
            Line(0, $"base_model: {ModelOf(origin is MappedCheckpoint { Slices: [(ICheckpoint lowest, _, _), ..] } ? lowest : origin)}");
        }

        if (stacked)
        {
            WriteSlices();
        }
        else
        {
            WriteModels(strategy, parameters);
        }

        (string, object)[] whole = [.. parameters.Where(p => p.Value is not PerSource)];
        if (whole.Length > 0 && !stacked)
        {
            Line(0, "parameters:");
            WriteParameters(1, whole);
        }

        if (_request.DType is { } dtype)
        {
            Line(0, "dtype: " + dtype switch
            {
                DType.Float32 => "float32",
                DType.Float16 => "float16",
                DType.BFloat16 => "bfloat16",
                DType.Float64 => "float64",
                _ => throw new NotSupportedException($"the dtype {dtype.Code()} has no word there."),
            });
        }

        if (_request.Vocabulary != VocabularyPolicy.Error)
        {
            Line(0, $"vocabulary: {_request.Vocabulary.ToString().ToLowerInvariant()}");
        }

        if (_request.Rules.Count > 1 && !stacked)
        {
            Line(0, "rules:");
            foreach (PlanRule rule in _request.Rules.Skip(1))
            {
                WriteRule(rule, isWholeModel);
            }
        }
    }

    /// <summary>Keeping what is there: the base with no change at all, or the first model alone.</summary>
    private string MethodOf(TakeInput take) => take.Source switch
    {
        null or TensorOperation.Base when _request.Base is not null => "task_arithmetic",
        null or 0 => "linear",
        _ => throw new NotSupportedException($"{take} everywhere."),
    };

    private void WriteModels(IMergeStrategy strategy, (string Name, object Value)[] parameters)
    {
        // A model that only a rule takes from is named there, and not among the models.
        IReadOnlyList<PlanSource> sources = _request.SourcesOf(_request.Rules[0]);
        bool keeps = strategy is TakeInput;
        Line(0, "models:");
        if (sources.Count == 0)
        {
            Line(1, $"- model: {ModelOf(_request.Base!)}");
        }

        for (int i = 0; i < sources.Count; i++)
        {
            Line(1, $"- model: {ModelOf(sources[i].Checkpoint)}");
            Schedule weight = keeps ? (_request.Base is null && i == 0 ? 1 : 0) : sources[i].Weight;
            WriteOwn(2, strategy, i, weight, parameters);
        }
    }

    /// <summary>Slices with a rule each, as recipes make them, or with one rule for all.</summary>
    private void WriteSlices()
    {
        (ICheckpoint Model, int Start, int End)[][] stacks = [.. _request.Sources.Select(s => SlicesOf(s.Checkpoint))];
        int[] heights = [.. stacks[0].Select(x => x.End - x.Start)];
        (ICheckpoint Model, int Start, int End)[]? origin = _request.Base is null ? null : SlicesOf(_request.Base, heights);
        PlanRule[] rules = _request.Rules.Count == 1 ? [.. heights.Select(_ => _request.Rules[0])] : [.. _request.Rules.Skip(1)];
        if (rules.Length != heights.Length || rules.Any(r => r.Strategy.Name != rules[0].Strategy.Name) || stacks.Any(s => !s.Select(x => x.End - x.Start).SequenceEqual(heights)))
        {
            throw new NotSupportedException("its stacks do not lie side by side, or rules hold for parts of them.");
        }

        Line(0, "slices:");
        for (int k = 0, first = 0; k < heights.Length; first += heights[k++])
        {
            (string Name, object Value)[] parameters = [.. Form(rules[k].Strategy).Parameters];
            int end = first + heights[k], start = first;
            bool lowest = k == 0, highest = k == heights.Length - 1;
            _places = [.. _map.Places.Where(p => p.InMainStack ? p.Layer >= start && p.Layer < end : p.Kind == TensorKind.Embedding || p.Layer is not null ? lowest : highest)];
            Line(1, "- sources:");
            if (origin is not null)
            {
                WriteSlice(origin[k]);
            }

            int[] sources = [.. rules[k].Only ?? [.. Enumerable.Range(0, stacks.Length)]];
            for (int j = 0; j < sources.Length; j++)
            {
                WriteSlice(stacks[sources[j]][k]);
                WriteOwn(4, rules[k].Strategy, j, _request.Sources[sources[j]].Weight, parameters, gradients: false);
            }

            (string, object)[] whole = [.. parameters.Where(p => p.Value is not PerSource)];
            if (whole.Length > 0)
            {
                Line(2, "parameters:");
                WriteParameters(3, whole, gradients: false);
            }
        }
    }

    private void WriteSlice((ICheckpoint Model, int Start, int End) slice)
    {
        Line(3, $"- model: {ModelOf(slice.Model)}");
        Line(4, $"layer_range: [{Number(slice.Start)}, {Number(slice.End)}]");
    }

    /// <summary>The parts of a stack; a model that is none is cut where the others are.</summary>
    private static (ICheckpoint Model, int Start, int End)[] SlicesOf(ICheckpoint checkpoint, int[]? heights = null)
    {
        if (checkpoint is MappedCheckpoint { Slices: { } slices })
        {
            return [.. slices];
        }

        int at = 0;
        return heights is null ? throw new NotSupportedException("some of its models are stacked and others are not.") : [.. heights.Select(h => (checkpoint, at, at += h))];
    }

    private void WriteOwn(int depth, IMergeStrategy strategy, int source, Schedule weight, (string Name, object Value)[] parameters, bool gradients = true)
    {
        List<(string, object)> values = [];
        // A model that is kept is written as task arithmetic or as an average, which use weights.
        if (strategy is not IMethodStrategy { Method.UsesWeights: false })
        {
            values.Add((MethodNames.Weight, (strategy as IMethodStrategy)?.Weights?.Of(source) ?? weight));
        }

        values.AddRange(parameters.Where(p => p.Value is PerSource).Select(p => (p.Name, (object)((PerSource)p.Value).Of(source))));
        if (values.Count > 0)
        {
            Line(depth, "parameters:");
            WriteParameters(depth + 1, values, gradients);
        }
    }

    private void WriteRule(PlanRule rule, bool isWholeModel)
    {
        bool takes = rule.Strategy is TakeInput;
        int[] everywhere = [.. _request.Rules[0].Only ?? [.. Enumerable.Range(0, _request.Sources.Count)]];
        if (rule.Selector is null || (!takes && !everywhere.SequenceEqual(rule.Only ?? [.. Enumerable.Range(0, _request.Sources.Count)])))
        {
            throw new NotSupportedException("a rule has but some of the models.");
        }

        if (isWholeModel)
        {
            throw new NotSupportedException($"rules beside {_request.Rules[0].Strategy.Name}.");
        }

        string[] how;
        if (rule.Strategy is TakeInput take)
        {
            ICheckpoint from = take.Source is null or TensorOperation.Base ? _request.Base ?? _request.SourcesOf(rule)[0].Checkpoint : _request.SourcesOf(rule)[take.Source.Value].Checkpoint;
            how = [$"source: {ModelOf(from)}"];
        }
        else
        {
            (string Name, object Value)[] parameters = [.. Form(rule.Strategy).Parameters];
            how =
            [
                $"merge_method: {rule.Strategy.Name}",
                .. parameters.Length == 0 ? [] : (string[])[$"parameters: {{{string.Join(", ", parameters.Select(p => $"{p.Name}: {Constant(p.Value)}"))}}}"],
            ];
        }

        foreach (string where in Where(rule.Selector))
        {
            Line(1, $"- {where}");
            foreach (string line in how)
            {
                Line(2, line);
            }
        }
    }

    /// <summary>Whole layers by number; anything else tensor by tensor.</summary>
    private IEnumerable<string> Where(LayerSelector selector)
    {
        TensorPlace[] chosen = [.. _map.Places.Where(selector.Matches)];
        int[] layers = [.. selector.LayersOf(_map)];
        return chosen.Length == 0 ? []
            : chosen.All(p => p.InMainStack && layers.Contains(p.Layer!.Value)) ? [$"layers: [{string.Join(", ", layers.Select(Number))}]"]
            : chosen.Select(p => p.Name).OrderByDescending(n => n.Length).ThenBy(n => n, StringComparer.Ordinal).Select(n => $"filter: {Quoted(n)}");
    }

    private void WriteParameters(int depth, IEnumerable<(string Name, object Value)> parameters, bool gradients = true)
    {
        foreach ((string name, object value) in parameters)
        {
            switch (value)
            {
                case Schedule { Gradient: [double single] }:
                    Line(depth, $"{name}: {Number(single)}");
                    break;
                case Schedule { Gradient: { } points } when gradients:
                    Line(depth, $"{name}: [{string.Join(", ", points.Select(Number))}]");
                    break;
                case Schedule schedule:
                    WritePlaces(depth, name, schedule);
                    break;
                default:
                    Line(depth, $"{name}: {Constant(value)}");
                    break;
            }
        }
    }

    /// <summary>The value at every tensor; the longest names first, since a name may hold another.</summary>
    private void WritePlaces(int depth, string name, Schedule schedule)
    {
        (string Name, double Value)[] values = [.. _places.Select(p => (p.Name, schedule.At(p))).OrderByDescending(v => v.Name.Length).ThenBy(v => v.Name, StringComparer.Ordinal)];
        if (values.Select(v => v.Value).Distinct().Count() == 1)
        {
            Line(depth, $"{name}: {Number(values[0].Value)}");
            return;
        }

        Line(depth, name + ":");
        foreach ((string tensor, double value) in values)
        {
            Line(depth + 1, $"- {{filter: {Quoted(tensor)}, value: {Number(value)}}}");
        }
    }

    private static string Constant(object value) => value switch
    {
        bool on => on ? "true" : "false",
        double number => Number(number),
        string text => text,
        Schedule { Gradient: [double single] } => Number(single),
        PerSource { Single: { Gradient: [double single] } } => Number(single),
        _ => throw new NotSupportedException("a rule's parameter varies by place or by model."),
    };

    private static IMethodStrategy Form(IMergeStrategy strategy) => strategy as IMethodStrategy ?? throw new NotSupportedException($"{strategy.Name} is a strategy of one's own.");

    private static string ModelOf(ICheckpoint checkpoint) => checkpoint is not ICheckpointView and not IComputedCheckpoint && InputFile.Exists(checkpoint.Name) ? Quoted(IO.RealPath.Of(checkpoint.Name))
        : throw new NotSupportedException($"{Printable.Escape(checkpoint.Name)} is not a model on disk.");

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>A JSON string is a YAML string.</summary>
    private static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

    private void Line(int depth, string text) => _yaml.Append(' ', 2 * depth).Append(text).Append('\n');
}
