using LayerSwap.Checkpoints;
using LayerSwap.Common;
using LayerSwap.Streaming;

namespace LayerSwap.Planning;

/// <summary>Decides how each tensor is made, and reports the tensors that cannot be made.</summary>
/// <param name="request">The merge to plan.</param>
/// <param name="tokenTables">The names of tables with a row for each token.</param>
/// <param name="problems">Receives the problems.</param>
internal sealed class TensorPlanner(PlanRequest request, IReadOnlySet<string> tokenTables, ProblemList problems)
{
    /// <summary>The remedy to take a tensor from one input, on the command line, in a recipe and in code.</summary>
    public const string RuleRemedy = "by a rule (--rule 'NAME=take:MODEL', rules in a recipe, Swap in code)";

    private const int EverySource = -2;
    private const int EveryOperand = -3;

    private readonly IReadOnlyList<ICheckpoint> _inputs = request.Inputs;

    /// <summary>Whether most elements of every input have 16 bits or fewer: wider tensors are then wide on purpose.</summary>
    private readonly bool _keepsWide = request.DType is not null && request.Inputs.All(IsMostlyNarrow);

    // One list for all tensors: a model may have 100,000 of them.
    private readonly List<(ICheckpoint Input, TensorInfo Tensor)> _present = new(request.Inputs.Count);

    // Keyed by identity: comparing rules by value would cost time for every tensor.
    private readonly Dictionary<PlanRule, (IReadOnlyList<PlanSource> Sources, IReadOnlyList<string> Names)> _sources =
        new(ReferenceEqualityComparer.Instance);

    private readonly Dictionary<(PlanRule, int), IReadOnlyList<ICheckpoint>> _needed = [];

    /// <summary>Decides how a tensor is made; null if it cannot be.</summary>
    public TensorDecision? Plan(string name, TensorPlace place)
    {
        List<(ICheckpoint Input, TensorInfo Tensor)> present = FindPresent(name);
        PlanRule rule = RuleOf(place);
        TensorInfo reference = present[0].Tensor;
        TensorShape? common = CommonShape(place, present);
        DType dtype = Target(present[0].Input.DefaultDType(name));
        TensorInfo output = common is null || (common == reference.Shape && dtype == reference.DType)
            ? reference
            : new(name, dtype, common.Value);
        TensorOperation? operation = Bind(rule, output, place);
        if (operation is null)
        {
            return null;
        }

        IReadOnlyList<ICheckpoint> needed = NeededBy(operation, rule);
        bool complete = true;
        for (int i = 0; i < needed.Count; i++)
        {
            ICheckpoint input = needed[i];
            if (input.Find(name) is not null || needed.Take(i).Contains(input))
            {
                continue;
            }

            complete = false;
            problems.Add($"{Printable.Escape(input.Name)} lacks tensors that {Printable.Escape(present[0].Input.Name)} has and "
                + $"{rule.Strategy.Name} needs; the same names are expected in every input. "
                + $"Remedy: merge models of one architecture, or take these from an input that has them, {RuleRemedy}", name);
        }

        // A shape that differs may be copied: it fits the output's config.json, or depends on the number of tokens or labels.
        bool canCopy = operation.CopiedInput is not null
            && (place.Kind is TensorKind.Embedding or TensorKind.Head || needed[0] == request.ConfigSource);
        if (common is null && !canCopy)
        {
            complete = false;
            ReportShapes(name, place, present);
        }

        if (!complete && operation.CopiedInput is null)
        {
            // Report differing dtypes together with the other problems.
            CheckDTypes(name, needed);
        }

        return complete ? Decide(operation, rule, place, output, needed, present) : null;
    }

    private static bool IsMostlyNarrow(ICheckpoint input)
    {
        long wide = input.Tensors.Where(t => t.DType is DType.Float32 or DType.Float64).Sum(t => t.ElementCount);
        return wide * 2 < input.Tensors.Where(t => t.DType.SupportsArithmetic()).Sum(t => t.ElementCount);
    }

    private List<(ICheckpoint Input, TensorInfo Tensor)> FindPresent(string name)
    {
        _present.Clear();
        foreach (ICheckpoint input in _inputs)
        {
            if (input.Find(name) is { } found)
            {
                _present.Add((input, found));
            }
        }

        return _present;
    }

    private void ReportShapes(string name, TensorPlace place, List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        string remedy;
        if (tokenTables.Contains(name))
        {
            remedy = "choose a vocabulary policy, truncate or pad (--vocabulary, vocabulary in a recipe, Vocabulary in code), "
                + $"or take these tensors from one input, {RuleRemedy}.";
        }
        else
        {
            string source = place.Kind == TensorKind.Head
                ? "one input"
                : Printable.Escape(request.ConfigSource.Name) + ", which gives the configuration";
            remedy = $"take this tensor from {source}, {RuleRemedy}.";
        }

        IEnumerable<string> shapes = present.Select(p => $"{p.Tensor.Shape} in {Printable.Escape(p.Input.Name)}");
        problems.Add($"Tensor {Printable.Escape(name)} has different shapes: {string.Join(", ", shapes)}; one shape is expected. "
            + $"Remedy: {remedy}");
    }

    private TensorDecision? Decide(
        TensorOperation operation,
        PlanRule rule,
        TensorPlace place,
        TensorInfo output,
        IReadOnlyList<ICheckpoint> needed,
        List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        string name = output.Name;
        if (operation.CopiedInput is not null)
        {
            TensorInfo tensor = needed[0].Find(name)!;
            bool resized = request.Vocabulary != VocabularyPolicy.Error && tensor.Shape != output.Shape;
            output = new TensorInfo(name, Target(needed[0].DefaultDType(name)), resized ? output.Shape : tensor.Shape);
            Operand operand = OperandOf(needed[0], output, present);
            TensorWork work = tensor.DType == output.DType ? new TensorWork.Copy(operand) : new TensorWork.Convert(operand);
            return new TensorDecision(output, place, rule, operation, work, needed);
        }

        Operand[] operands = new Operand[needed.Count];
        bool oneDType = true;
        for (int i = 0; i < operands.Length; i++)
        {
            operands[i] = OperandOf(needed[i], output, present);
            oneDType &= operands[i].DType == operands[0].DType;
        }

        if (!oneDType && !CheckDTypes(name, needed))
        {
            return null;
        }

        if (!operands[0].DType.SupportsArithmetic())
        {
            // Cannot be averaged: the bytes must be equal in all inputs, which is checked when they are read.
            TensorWork.CopyIdentical work = new([.. present.Select(p => OperandOf(p.Input, output, present))]);
            return new TensorDecision(output, place, rule, operation, work, [.. present.Select(p => p.Input)]);
        }

        if (operation.RowLength > ChunkSizes.MaxRowLength)
        {
            problems.Add($"{rule.Strategy.Name} computes {operation.RowLength} elements together, which is more than "
                + $"{ChunkSizes.MaxRowLength}. Remedy: choose another method for this tensor", name);
            return null;
        }

        bool hasBase = operation.ReadsBase && request.Base is not null;
        return new TensorDecision(output, place, rule, operation, new TensorWork.Compute(operands, hasBase, operation), needed);
    }

    /// <summary>Checks that a tensor has one dtype in the needed inputs, or that all can be converted to the requested one.</summary>
    private bool CheckDTypes(string name, IEnumerable<ICheckpoint> needed)
    {
        List<(ICheckpoint Input, DType DType)> found = [];
        foreach (ICheckpoint input in needed.Distinct())
        {
            if (input.Find(name) is not null)
            {
                found.Add((input, input.DefaultDType(name)));
            }
        }

        DType[] dtypes = [.. found.Select(f => f.DType).Distinct()];
        bool convertible = dtypes.All(d => d.SupportsArithmetic());
        if (dtypes.Length <= 1 || (request.DType is not null && convertible))
        {
            return true;
        }

        string remedy = convertible
            ? "Remedy: choose the dtype of the output (--dtype, dtype in a recipe, As in code)"
            : $"Remedy: take this tensor from one input, {RuleRemedy}";
        IEnumerable<string> list = found.Select(f => $"{f.DType.Code()} in {Printable.Escape(f.Input.Name)}");
        problems.Add($"The dtypes differ: {string.Join(", ", list)}; one dtype is expected. {remedy}", name);
        return false;
    }

    private PlanRule RuleOf(TensorPlace place)
    {
        int last = request.Rules.Count - 1;
        while (request.Rules[last].Selector is { } selector && !selector.Matches(place))
        {
            last--;
        }

        return request.Rules[last];
    }

    /// <summary>Lists the inputs that an operation reads. Tensors with the same treatment share one list.</summary>
    private IReadOnlyList<ICheckpoint> NeededBy(TensorOperation operation, PlanRule rule)
    {
        int key = operation.CopiedInput ?? (operation.ReadsBase ? EveryOperand : EverySource);
        if (!_needed.TryGetValue((rule, key), out IReadOnlyList<ICheckpoint>? needed))
        {
            if (operation.CopiedInput is { } taken)
            {
                needed = [Input(rule, taken)];
            }
            else
            {
                ICheckpoint[] @base = operation.ReadsBase && request.Base is not null ? [request.Base] : [];
                needed = [.. @base, .. request.SourcesOf(rule).Select(s => s.Checkpoint)];
            }

            _needed.Add((rule, key), needed);
        }

        return needed;
    }

    private TensorOperation? Bind(PlanRule rule, TensorInfo output, TensorPlace place)
    {
        try
        {
            if (!_sources.TryGetValue(rule, out var cached))
            {
                IReadOnlyList<PlanSource> sources = request.SourcesOf(rule);
                cached = (sources, [.. sources.Select(s => s.Checkpoint.Name)]);
                _sources.Add(rule, cached);
            }

            double[] weights = new double[cached.Sources.Count];
            for (int i = 0; i < weights.Length; i++)
            {
                weights[i] = cached.Sources[i].Weight.At(place);
            }

            return rule.Strategy.Bind(new TensorContext
            {
                Output = output,
                Place = place,
                Sources = cached.Names,
                Weights = weights,
                HasBase = request.Base is not null,
                Seed = request.Seed,
            });
        }
        catch (MergeException e)
        {
            foreach (string problem in e.Problems)
            {
                problems.Add(rule.WrittenAt is null ? problem : $"{rule.WrittenAt}: {problem}", output.Name);
            }

            return null;
        }
    }

    private ICheckpoint Input(PlanRule rule, int source)
    {
        if (source == TensorOperation.Base)
        {
            return request.Base
                ?? throw new MergeException("A strategy takes from the base, but the merge has none. Remedy: give a base.");
        }

        IReadOnlyList<PlanSource> sources = request.SourcesOf(rule);
        return source < sources.Count
            ? sources[source].Checkpoint
            : throw new MergeException($"A strategy takes from source {source}, but there are {sources.Count}, counted from 0.");
    }

    private DType Target(DType found) =>
        request.DType is { } requested && found.SupportsArithmetic() && !IsKept(found, requested) ? requested : found;

    /// <summary>Whether a tensor is wider than its model on purpose, and so keeps its dtype.</summary>
    private bool IsKept(DType found, DType requested) => !request.ForcesDType
        && _keepsWide
        && found is DType.Float32 or DType.Float64
        && requested.Bits() < found.Bits();

    /// <summary>Finds the shape that all inputs share, or that the vocabulary policy gives; null if there is none.</summary>
    private TensorShape? CommonShape(TensorPlace place, List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        TensorShape first = present[0].Tensor.Shape;
        int same = 1;
        while (same < present.Count && present[same].Tensor.Shape == first)
        {
            same++;
        }

        return same == present.Count ? first : ShapeByPolicy(place, present);
    }

    private TensorShape? ShapeByPolicy(TensorPlace place, List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        TensorShape first = present[0].Tensor.Shape;
        TensorShape[] shapes = [.. present.Select(p => p.Tensor.Shape)];
        bool OnlyRowsDiffer(TensorShape shape) => shape.Rank > 0
            && shape.Rank == first.Rank
            && TokenTables.WithRows(shape, TokenTables.CountRows(first)) == first;
        if (!tokenTables.Contains(place.Name) || !Array.TrueForAll(shapes, OnlyRowsDiffer))
        {
            return null;
        }

        return request.Vocabulary switch
        {
            VocabularyPolicy.Truncate => TokenTables.WithRows(first, shapes.Min(TokenTables.CountRows)),
            VocabularyPolicy.Pad => TokenTables.WithRows(first, shapes.Max(TokenTables.CountRows)),
            _ => null,
        };
    }

    /// <summary>Makes the operand of an input. Missing rows come from the first input with the same dtype that has them.</summary>
    private static Operand OperandOf(ICheckpoint input, TensorInfo output, List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        TensorInfo tensor = input.Find(output.Name)!;
        return tensor.ElementCount >= output.ElementCount
            ? new Operand(input, tensor)
            : new Operand(input, tensor, RowSource(input, tensor, output, present));
    }

    private static Operand RowSource(
        ICheckpoint input, TensorInfo tensor, TensorInfo output, List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        (ICheckpoint donor, TensorInfo longer) =
            present.Find(p => p.Tensor.ElementCount >= output.ElementCount && p.Tensor.DType == tensor.DType);
        return donor is not null
            ? new Operand(donor, longer)
            : throw new MergeException($"Tensor {Printable.Escape(output.Name)}: rows that {Printable.Escape(input.Name)} lacks "
                + $"are in no other input in {tensor.DType.Code()}. Remedy: convert the inputs to one dtype first.");
    }
}

/// <summary>The way a tensor is made, before it has a place in a file.</summary>
internal sealed record TensorDecision(
    TensorInfo Output,
    TensorPlace Place,
    PlanRule Rule,
    TensorOperation Operation,
    TensorWork Work,
    IReadOnlyList<ICheckpoint> Inputs);
