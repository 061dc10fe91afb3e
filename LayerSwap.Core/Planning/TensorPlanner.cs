using LayerSwap.Streaming;
using LayerSwap.Tensors;

namespace LayerSwap.Planning;

/// <summary>Decides what happens to one tensor, and notes everything that stands against it.</summary>
internal sealed class TensorPlanner(PlanRequest request, Problems problems)
{
    private readonly IReadOnlyList<ICheckpoint> _inputs = request.Inputs;
    private const int EverySource = -2;
    private const int EveryOperand = -3;

    // By identity: rules are compared once a tensor.
    private readonly Dictionary<PlanRule, IReadOnlyList<string>> _names = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(PlanRule, int), IReadOnlyList<ICheckpoint>> _needed = [];

    /// <summary>What is done to a tensor, before it has its place in a file; null where it cannot be done.</summary>
    public Decision? Plan(string name, TensorPlace place)
    {
        // Plain loops: there may be a hundred thousand tensors.
        List<(ICheckpoint Input, TensorInfo Tensor)> present = new(_inputs.Count);
        foreach (ICheckpoint input in _inputs)
        {
            if (input.Find(name) is { } found)
            {
                present.Add((input, found));
            }
        }

        PlanRule rule = RuleOf(place);
        TensorInfo reference = present[0].Tensor;
        TensorShape? common = CommonShape(place, present);
        TensorInfo output = common is null || (common == reference.Shape && Target(reference.DType) == reference.DType) ? reference : new(name, Target(reference.DType), common.Value);
        TensorMerge? merge = Bind(rule, output, place);
        if (merge is null)
        {
            return null;
        }

        IReadOnlyList<ICheckpoint> needed = NeededBy(merge, rule);
        bool complete = true;
        for (int i = 0; i < needed.Count; i++)
        {
            ICheckpoint lacking = needed[i];
            if (lacking.Find(name) is not null || needed.Take(i).Contains(lacking))
            {
                continue;
            }

            complete = false;
            problems.Add($"{Printable.Escape(lacking.Name)} lacks tensors that {Printable.Escape(present[0].Input.Name)} has and {rule.Strategy.Name} needs; "
                + "the same names are expected in every input. Remedy: merge models of one architecture, or add a rule that takes these from another input", name);
        }

        bool single = merge.Taken is not null && place.Kind is TensorKind.Embedding or TensorKind.Head;
        if (common is null && !single)
        {
            complete = false;
            problems.Add($"Tensor {Printable.Escape(name)} has different shapes: {string.Join(", ", present.Select(p => $"{p.Tensor.Shape} in {Printable.Escape(p.Input.Name)}"))}; one shape is expected."
                + (place.Kind is TensorKind.Embedding or TensorKind.Head ? " Remedy: choose a vocabulary policy, truncate or pad, or take these tensors from one input." : string.Empty));
        }

        if (!complete && merge.Taken is null)
        {
            // Not decided any more, but its dtypes are named along with what else is wrong.
            CheckDTypes(name, [.. present.Where(p => needed.Contains(p.Input))]);
        }

        return complete ? Decide(merge, rule, place, output, needed, present) : null;
    }

    private Decision? Decide(TensorMerge merge, PlanRule rule, TensorPlace place, TensorInfo output, IReadOnlyList<ICheckpoint> needed, List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        string name = output.Name;
        if (merge.Taken is not null)
        {
            TensorInfo tensor = needed[0].Find(name)!;
            bool resized = request.Vocabulary != VocabularyPolicy.Error && tensor.Shape != output.Shape;
            output = new TensorInfo(name, Target(tensor.DType), resized ? output.Shape : tensor.Shape);
            Operand operand = OperandOf(needed[0], output, present);
            return new Decision(output, place, rule, merge, tensor.DType == output.DType ? new TensorWork.Copy(operand) : new TensorWork.Convert(operand), needed);
        }

        List<Operand> operands = new(needed.Count);
        foreach (ICheckpoint input in needed)
        {
            operands.Add(OperandOf(input, output, present));
        }

        if (operands.Exists(o => o.DType != operands[0].DType) && !CheckDTypes(name, [.. needed.Distinct().Select(n => (n, n.Find(name)!))]))
        {
            return null;
        }

        if (!operands[0].DType.SupportsArithmetic())
        {
            // Never averaged: all must have the same bytes, which is checked when they are read.
            List<ICheckpoint> all = [.. present.Select(p => p.Input)];
            return new Decision(output, place, rule, merge, new TensorWork.Agree([.. all.Select(n => OperandOf(n, output, present))]), all);
        }

        if (merge.Unit > Sections.LongestUnit)
        {
            problems.Add($"{rule.Strategy.Name} computes {merge.Unit} elements together, which is more than {Sections.LongestUnit}. Remedy: choose another method for this tensor", name);
            return null;
        }

        bool hasBase = merge.ReadsBase && request.Base is not null;
        return new Decision(output, place, rule, merge, new TensorWork.Compute(operands, hasBase, merge), needed);
    }

    /// <summary>One dtype, or several that can be converted to the one asked for.</summary>
    private bool CheckDTypes(string name, List<(ICheckpoint Input, TensorInfo Tensor)> inputs)
    {
        DType[] dtypes = [.. inputs.Select(i => i.Tensor.DType).Distinct()];
        if (dtypes.Length <= 1 || (request.DType is not null && dtypes.All(d => d.SupportsArithmetic())))
        {
            return true;
        }

        problems.Add($"The dtypes differ: {string.Join(", ", inputs.Select(i => $"{i.Tensor.DType.Code()} in {Printable.Escape(i.Input.Name)}"))}; one dtype is expected. "
            + "Remedy: say which dtype the output shall have (As, --dtype)", name);
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

    /// <summary>The inputs that a merge reads: one and the same list for all tensors that are treated alike.</summary>
    private IReadOnlyList<ICheckpoint> NeededBy(TensorMerge merge, PlanRule rule)
    {
        int key = merge.Taken ?? (merge.ReadsBase ? EveryOperand : EverySource);
        if (!_needed.TryGetValue((rule, key), out IReadOnlyList<ICheckpoint>? needed))
        {
            needed = merge.Taken is { } taken ? [Input(rule, taken)]
                : [.. (merge.ReadsBase && request.Base is { } origin ? [origin] : Array.Empty<ICheckpoint>()), .. request.SourcesOf(rule).Select(s => s.Checkpoint)];
            _needed.Add((rule, key), needed);
        }

        return needed;
    }

    private TensorMerge? Bind(PlanRule rule, TensorInfo output, TensorPlace place)
    {
        try
        {
            IReadOnlyList<(ICheckpoint Checkpoint, Schedule Weight)> sources = request.SourcesOf(rule);
            if (!_names.TryGetValue(rule, out IReadOnlyList<string>? names))
            {
                _names.Add(rule, names = [.. sources.Select(s => s.Checkpoint.Name)]);
            }

            return rule.Strategy.Bind(new MergeTensor
            {
                Output = output,
                Place = place,
                Sources = names,
                Weights = [.. sources.Select(s => s.Weight.At(place))],
                HasBase = request.Base is not null,
                Seed = request.Seed,
            });
        }
        catch (MergeException e)
        {
            foreach (string problem in e.Problems)
            {
                problems.Add(problem);
            }

            return null;
        }
    }

    private ICheckpoint Input(PlanRule rule, int source) => source == TensorMerge.Base
        ? request.Base ?? throw new MergeException("A strategy takes from the base, but the merge has none. Remedy: give a base.")
        : request.SourcesOf(rule) is var sources && source < sources.Count ? sources[source].Checkpoint
        : throw new MergeException($"A strategy takes from source {source}, but there are {request.SourcesOf(rule).Count}, counted from 0.");

    private DType Target(DType found) => request.DType is { } asked && found.SupportsArithmetic() ? asked : found;

    /// <summary>The one shape of all, or the one a vocabulary policy gives; null where there is none.</summary>
    private TensorShape? CommonShape(TensorPlace place, List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        TensorShape first = present[0].Tensor.Shape;
        if (present.TrueForAll(p => p.Tensor.Shape == first))
        {
            return first;
        }

        TensorShape[] shapes = [.. present.Select(p => p.Tensor.Shape)];
        bool rowsOnly = place.Kind is TensorKind.Embedding or TensorKind.Head && Array.TrueForAll(shapes, s => s.Rank > 0 && s.Rank == first.Rank && s.WithRows(first[0]) == first);
        return !rowsOnly ? null : request.Vocabulary switch
        {
            VocabularyPolicy.Truncate => first.WithRows(shapes.Min(s => s[0])),
            VocabularyPolicy.Pad => first.WithRows(shapes.Max(s => s[0])),
            _ => null,
        };
    }

    /// <summary>The input's tensor; rows it lacks come from the first input, the base before all, that has them in the same dtype.</summary>
    private static Operand OperandOf(ICheckpoint input, TensorInfo output, List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        TensorInfo tensor = input.Find(output.Name)!;
        if (tensor.ElementCount >= output.ElementCount)
        {
            return new Operand(input, tensor);
        }

        (ICheckpoint donor, TensorInfo longer) = present.Find(p => p.Tensor.ElementCount >= output.ElementCount && p.Tensor.DType == tensor.DType);
        return donor is not null ? new Operand(input, tensor, new Operand(donor, longer))
            : throw new MergeException($"Tensor {Printable.Escape(output.Name)}: rows that {Printable.Escape(input.Name)} lacks are in no other input in {tensor.DType.Code()}. Remedy: convert the inputs to one dtype first.");
    }
}

/// <summary>What happens to a tensor, before it has its place in a file.</summary>
internal sealed record Decision(TensorInfo Output, TensorPlace Place, PlanRule Rule, TensorMerge Merge, TensorWork Work, IReadOnlyList<ICheckpoint> Inputs);
