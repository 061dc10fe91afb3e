using System.Globalization;
using System.Text;
using System.Text.Json;
using LayerSwap.Checkpoints;
using LayerSwap.Checkpoints.Lora;
using LayerSwap.IO;
using LayerSwap.Merging;
using LayerSwap.Planning;

namespace LayerSwap.Recipes;

/// <summary>Writes a merge as a recipe. Schedules that gradients cannot express are written as one value for each tensor.</summary>
internal sealed class RecipeWriter
{
    private readonly PlanRequest _request;
    private readonly LayerMap _map;
    private readonly StringBuilder _yaml = new();

    /// <summary>The places for which values are written.</summary>
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
        if (_request.TokenizerSource is not null || _request.ReplacedFiles.Count > 0)
        {
            throw new NotSupportedException("its tokenizer was made from several.");
        }

        // If slices have their own rules, the first rule applies to no tensor.
        bool stacked = _request.Sources.Any(s => s.Checkpoint is MappedCheckpoint { Slices: not null });
        bool slicesHaveRules = stacked && _request.Rules.Count > 1 && _request.Rules[1].SourceIndices is not null;
        IMergeStrategy strategy = _request.Rules[slicesHaveRules ? 1 : 0].Strategy;
        bool isWholeModel = strategy is IMethodStrategy { Method.IsWholeModel: true };
        (string Name, object Value)[] parameters = strategy is TakeInput ? [] : [.. Form(strategy).Parameters];
        string name = strategy is TakeInput take ? MethodOf(take) : strategy.Name;
        Line(0, $"merge_method: {name}");
        if (_request.Base is { } @base)
        {
            Line(0, $"base_model: {ModelOf(@base is MappedCheckpoint { Slices: [(ICheckpoint lowest, _, _), ..] } ? lowest : @base)}");
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

    /// <summary>Chooses the method that keeps the base, or the first model, unchanged.</summary>
    private string MethodOf(TakeInput take) => take.Source switch
    {
        null or TensorOperation.Base when _request.Base is not null => "task_arithmetic",
        null or 0 => "linear",
        _ => throw new NotSupportedException($"{take} everywhere."),
    };

    private void WriteModels(IMergeStrategy strategy, (string Name, object Value)[] parameters)
    {
        // A model that only a later rule uses is named there.
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
            WriteSource(2, strategy, i, weight, parameters);
        }
    }

    /// <summary>Writes slices with a rule each, as recipes make them, or with one rule for all.</summary>
    private void WriteSlices()
    {
        (ICheckpoint Model, int Start, int End)[][] stacks = [.. _request.Sources.Select(s => SlicesOf(s.Checkpoint))];
        int[] heights = [.. stacks[0].Select(x => x.End - x.Start)];
        (ICheckpoint Model, int Start, int End)[]? baseSlices = _request.Base is null ? null : SlicesOf(_request.Base, heights);
        PlanRule[] rules = _request.Rules.Count == 1 ? [.. heights.Select(_ => _request.Rules[0])] : [.. _request.Rules.Skip(1)];
        if (rules.Length != heights.Length
            || rules.Any(r => r.Strategy.Name != rules[0].Strategy.Name)
            || stacks.Any(s => !s.Select(x => x.End - x.Start).SequenceEqual(heights)))
        {
            throw new NotSupportedException("its stacks are not sliced alike, or rules apply to parts of slices.");
        }

        Line(0, "slices:");
        for (int k = 0, first = 0; k < heights.Length; first += heights[k++])
        {
            (string Name, object Value)[] parameters = [.. Form(rules[k].Strategy).Parameters];
            int end = first + heights[k], start = first;
            bool lowest = k == 0, highest = k == heights.Length - 1;
            _places = [.. _map.Places.Where(IsInSlice)];
            Line(1, "- sources:");
            if (baseSlices is not null)
            {
                WriteSlice(baseSlices[k]);
            }

            int[] sources = [.. rules[k].SourceIndices ?? [.. Enumerable.Range(0, stacks.Length)]];
            for (int j = 0; j < sources.Length; j++)
            {
                WriteSlice(stacks[sources[j]][k]);
                WriteSource(4, rules[k].Strategy, j, _request.Sources[sources[j]].Weight, parameters, gradients: false);
            }

            (string, object)[] whole = [.. parameters.Where(p => p.Value is not PerSource)];
            if (whole.Length > 0)
            {
                Line(2, "parameters:");
                WriteParameters(3, whole, gradients: false);
            }

            bool IsInSlice(TensorPlace place)
            {
                if (place.InMainStack)
                {
                    return place.Layer >= start && place.Layer < end;
                }

                return place.Kind == TensorKind.Embedding || place.Layer is not null ? lowest : highest;
            }
        }
    }

    private void WriteSlice((ICheckpoint Model, int Start, int End) slice)
    {
        Line(3, $"- model: {ModelOf(slice.Model)}");
        Line(4, $"layer_range: [{Number(slice.Start)}, {Number(slice.End)}]");
    }

    /// <summary>Lists the slices of a stacked checkpoint. Any other checkpoint is sliced by the given heights.</summary>
    private static (ICheckpoint Model, int Start, int End)[] SlicesOf(ICheckpoint checkpoint, int[]? heights = null)
    {
        if (checkpoint is MappedCheckpoint { Slices: { } slices })
        {
            return [.. slices];
        }

        if (heights is null)
        {
            throw new NotSupportedException("some of its models are stacked and others are not.");
        }

        int start = 0;
        return [.. heights.Select(h => (checkpoint, start, start += h))];
    }

    private void WriteSource(
        int depth, IMergeStrategy strategy, int source, Schedule weight, (string Name, object Value)[] parameters, bool gradients = true)
    {
        List<(string, object)> values = [];
        // TakeInput is written as task arithmetic or as an average, which use weights.
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
        int[] all = [.. Enumerable.Range(0, _request.Sources.Count)];
        if (rule.Selector is null || (!takes && !(_request.Rules[0].SourceIndices ?? all).SequenceEqual(rule.SourceIndices ?? all)))
        {
            throw new NotSupportedException("a rule has only some of the models.");
        }

        if (isWholeModel)
        {
            throw new NotSupportedException($"rules in addition to {_request.Rules[0].Strategy.Name}.");
        }

        List<string> lines = [];
        if (rule.Strategy is TakeInput take)
        {
            IReadOnlyList<PlanSource> sources = _request.SourcesOf(rule);
            ICheckpoint from = take.Source is null or TensorOperation.Base
                ? _request.Base ?? sources[0].Checkpoint
                : sources[take.Source.Value].Checkpoint;
            lines.Add($"source: {ModelOf(from)}");
        }
        else
        {
            lines.Add($"merge_method: {rule.Strategy.Name}");
            string[] parameters = [.. Form(rule.Strategy).Parameters.Select(p => $"{p.Name}: {Constant(p.Value)}")];
            if (parameters.Length > 0)
            {
                lines.Add($"parameters: {{{string.Join(", ", parameters)}}}");
            }
        }

        foreach (string selector in Selectors(rule.Selector))
        {
            Line(1, $"- {selector}");
            foreach (string line in lines)
            {
                Line(2, line);
            }
        }
    }

    /// <summary>Writes a selector as a list of layers, or as one filter for each tensor.</summary>
    private IEnumerable<string> Selectors(LayerSelector selector)
    {
        TensorPlace[] chosen = [.. _map.Places.Where(selector.Matches)];
        if (chosen.Length == 0)
        {
            return [];
        }

        int[] layers = [.. selector.LayersOf(_map)];
        if (chosen.All(p => p.InMainStack && layers.Contains(p.Layer!.Value)))
        {
            return [$"layers: [{string.Join(", ", layers.Select(Number))}]"];
        }

        return chosen.Select(p => p.Name)
            .OrderByDescending(n => n.Length).ThenBy(n => n, StringComparer.Ordinal)
            .Select(n => $"filter: {Quoted(n)}");
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

    /// <summary>Writes the value of every tensor, the longest names first, since a filter matches every name that contains it.</summary>
    private void WritePlaces(int depth, string name, Schedule schedule)
    {
        (string Name, double Value)[] values =
        [
            .. _places.Select(p => (p.Name, schedule.At(p)))
                .OrderByDescending(v => v.Name.Length).ThenBy(v => v.Name, StringComparer.Ordinal),
        ];
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

    private static IMethodStrategy Form(IMergeStrategy strategy) =>
        strategy as IMethodStrategy ?? throw new NotSupportedException($"{strategy.Name} is a custom strategy.");

    private static string ModelOf(ICheckpoint checkpoint) =>
        checkpoint is AdaptedCheckpoint adapted ? Quoted($"{RealPath.Resolve(adapted.BaseName)}+{RealPath.Resolve(adapted.Adapter)}")
            : checkpoint is not ICheckpointView and not IComputedCheckpoint && InputFile.Exists(checkpoint.Name)
            ? Quoted(RealPath.Resolve(checkpoint.Name))
            : throw new NotSupportedException($"{Printable.Escape(checkpoint.Name)} is not a model on disk.");

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Quotes a text as a JSON string, which is also a YAML string.</summary>
    private static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

    private void Line(int depth, string text) => _yaml.Append(' ', 2 * depth).Append(text).Append('\n');
}
