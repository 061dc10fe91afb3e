using LayerSwap.Checkpoints;
using LayerSwap.Common;
using LayerSwap.Streaming;

namespace LayerSwap.Planning;

/// <summary>Decides what happens to one tensor, and notes everything that stands against it.</summary>
/// <param name="request">What is planned.</param>
/// <param name="tokenTables">The names of tables with a row for each token.</param>
/// <param name="problems">What stands against it.</param>
internal sealed class TensorPlanner(PlanRequest request, IReadOnlySet<string> tokenTables, ProblemList problems)
{
    private readonly IReadOnlyList<ICheckpoint> _inputs = request.Inputs;
    /// <summary>How a tensor is taken from one input, in each form in which people work.</summary>
    public const string AsRule = "by a rule (--rule 'NAME=take:MODEL', rules in a recipe, Swap in code)";

    private const int EverySource = -2;
    private const int EveryOperand = -3;

    /// <summary>Whether most numbers of every input are of 16 bits or fewer: then what is wider is so on purpose.</summary>
    private readonly bool _keepsWide = request.DType is not null && request.Inputs.All(i =>
        i.Tensors.Where(t => t.DType is DType.Float32 or DType.Float64).Sum(t => t.ElementCount) * 2 < i.Tensors.Where(t => t.DType.SupportsArithmetic()).Sum(t => t.ElementCount));

    private readonly List<(ICheckpoint Input, TensorInfo Tensor)> _present = new(request.Inputs.Count);

    // By identity: rules are compared once a tensor.
    private readonly Dictionary<PlanRule, (IReadOnlyList<PlanSource> Sources, IReadOnlyList<string> Names)> _sources = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(PlanRule, int), IReadOnlyList<ICheckpoint>> _needed = [];

    /// <summary>What is done to a tensor, before it has its place in a file; null where it cannot be done.</summary>
    public Decision? Plan(string name, TensorPlace place)
    {
        // Plain loops, and one list for all: there may be a hundred thousand tensors.
        List<(ICheckpoint Input, TensorInfo Tensor)> present = _present;
        present.Clear();
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
        TensorOperation? merge = Bind(rule, output, place);
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
                + $"the same names are expected in every input. Remedy: merge models of one architecture, or take these from an input that has them, {AsRule}", name);
        }

        // Its shape is what the configuration says, or what the number of tokens or labels makes of it.
        bool single = merge.Taken is not null && (place.Kind is TensorKind.Embedding or TensorKind.Head || needed[0] == request.Donor);
        if (common is null && !single)
        {
            complete = false;
            problems.Add($"Tensor {Printable.Escape(name)} has different shapes: {string.Join(", ", present.Select(p => $"{p.Tensor.Shape} in {Printable.Escape(p.Input.Name)}"))}; one shape is expected."
                + (tokenTables.Contains(name) ? $" Remedy: choose a vocabulary policy, truncate or pad (--vocabulary, vocabulary in a recipe, Vocabulary in code), or take these tensors from one input, {AsRule}." : $" Remedy: take this tensor from {(place.Kind == TensorKind.Head ? "one input" : Printable.Escape(request.Donor.Name) + ", which gives the configuration")}, {AsRule}."));
        }

        if (!complete && merge.Taken is null)
        {
            // Not decided any more, but its dtypes are named along with what else is wrong.
            CheckDTypes(name, needed);
        }

        return complete ? Decide(merge, rule, place, output, needed, present) : null;
    }

    private Decision? Decide(TensorOperation merge, PlanRule rule, TensorPlace place, TensorInfo output, IReadOnlyList<ICheckpoint> needed, List<(ICheckpoint Input, TensorInfo Tensor)> present)
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
            // Never averaged: all must have the same bytes, which is checked when they are read.
            return new Decision(output, place, rule, merge, new TensorWork.Agree(Operands(output, present)), [.. present.Select(p => p.Input)]);
        }

        if (merge.Unit > ChunkSizes.LongestUnit)
        {
            problems.Add($"{rule.Strategy.Name} computes {merge.Unit} elements together, which is more than {ChunkSizes.LongestUnit}. Remedy: choose another method for this tensor", name);
            return null;
        }

        bool hasBase = merge.ReadsBase && request.Base is not null;
        return new Decision(output, place, rule, merge, new TensorWork.Compute(operands, hasBase, merge), needed);
    }

    private static Operand[] Operands(TensorInfo output, List<(ICheckpoint Input, TensorInfo Tensor)> present) => [.. present.Select(p => OperandOf(p.Input, output, present))];

    /// <summary>One dtype where the tensor is needed and present, or several that can be converted to the one asked for.</summary>
    private bool CheckDTypes(string name, IEnumerable<ICheckpoint> needed)
    {
        (ICheckpoint Input, DType DType)[] inputs = [.. needed.Distinct().Select(n => (n, n.Find(name)?.DType)).Where(i => i.DType is not null).Select(i => (i.n, i.DType!.Value))];
        DType[] dtypes = [.. inputs.Select(i => i.DType).Distinct()];
        if (dtypes.Length <= 1 || (request.DType is not null && dtypes.All(d => d.SupportsArithmetic())))
        {
            return true;
        }

        problems.Add($"The dtypes differ: {string.Join(", ", inputs.Select(i => $"{i.DType.Code()} in {Printable.Escape(i.Input.Name)}"))}; one dtype is expected. "
            + (dtypes.All(d => d.SupportsArithmetic()) ? "Remedy: say which dtype the output shall have (--dtype, dtype in a recipe, As in code)" : $"Remedy: take this tensor from one input, {AsRule}"), name);
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
    private IReadOnlyList<ICheckpoint> NeededBy(TensorOperation merge, PlanRule rule)
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

    private TensorOperation? Bind(PlanRule rule, TensorInfo output, TensorPlace place)
    {
        try
        {
            if (!_sources.TryGetValue(rule, out var own))
            {
                IReadOnlyList<PlanSource> sources = request.SourcesOf(rule);
                _sources.Add(rule, own = (sources, [.. sources.Select(s => s.Checkpoint.Name)]));
            }

            double[] weights = new double[own.Sources.Count];
            for (int i = 0; i < weights.Length; i++)
            {
                weights[i] = own.Sources[i].Weight.At(place);
            }

            return rule.Strategy.Bind(new TensorContext
            {
                Output = output,
                Place = place,
                Sources = own.Names,
                Weights = weights,
                HasBase = request.Base is not null,
                Seed = request.Seed,
            });
        }
        catch (MergeException e)
        {
            foreach (string problem in e.Problems)
            {
                problems.Add(rule.Written is null ? problem : $"{rule.Written}: {problem}", output.Name);
            }

            return null;
        }
    }

    private ICheckpoint Input(PlanRule rule, int source) => source == TensorOperation.Base
        ? request.Base ?? throw new MergeException("A strategy takes from the base, but the merge has none. Remedy: give a base.")
        : request.SourcesOf(rule) is var sources && source < sources.Count ? sources[source].Checkpoint
        : throw new MergeException($"A strategy takes from source {source}, but there are {request.SourcesOf(rule).Count}, counted from 0.");

    private DType Target(DType found) => request.DType is { } asked && found.SupportsArithmetic() && !IsKept(found, asked) ? asked : found;

    /// <summary>Whether a tensor is in a wider dtype than its model on purpose, and so keeps it.</summary>
    private bool IsKept(DType found, DType asked) => !request.ForcesDType && _keepsWide && found is (DType.Float32 or DType.Float64) && asked.Bits() < found.Bits();

    /// <summary>The one shape of all, or the one a vocabulary policy gives; null where there is none.</summary>
    private TensorShape? CommonShape(TensorPlace place, List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        TensorShape first = present[0].Tensor.Shape;
        int same = 1;
        while (same < present.Count && present[same].Tensor.Shape == first)
        {
            same++;
        }

        return same == present.Count ? first : SharedByPolicy(place, present);
    }

    private TensorShape? SharedByPolicy(TensorPlace place, List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        TensorShape first = present[0].Tensor.Shape;
        TensorShape[] shapes = [.. present.Select(p => p.Tensor.Shape)];
        bool rowsOnly = tokenTables.Contains(place.Name) && Array.TrueForAll(shapes, s => s.Rank > 0 && s.Rank == first.Rank && TokenTables.WithRows(s, TokenTables.RowsOf(first)) == first);
        return !rowsOnly ? null : request.Vocabulary switch
        {
            VocabularyPolicy.Truncate => TokenTables.WithRows(first, shapes.Min(TokenTables.RowsOf)),
            VocabularyPolicy.Pad => TokenTables.WithRows(first, shapes.Max(TokenTables.RowsOf)),
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

        return Extended(input, tensor, output, present);
    }

    private static Operand Extended(ICheckpoint input, TensorInfo tensor, TensorInfo output, List<(ICheckpoint Input, TensorInfo Tensor)> present)
    {
        (ICheckpoint donor, TensorInfo longer) = present.Find(p => p.Tensor.ElementCount >= output.ElementCount && p.Tensor.DType == tensor.DType);
        return donor is not null ? new Operand(input, tensor, new Operand(donor, longer))
            : throw new MergeException($"Tensor {Printable.Escape(output.Name)}: rows that {Printable.Escape(input.Name)} lacks are in no other input in {tensor.DType.Code()}. Remedy: convert the inputs to one dtype first.");
    }
}

/// <summary>What happens to a tensor, before it has its place in a file.</summary>
internal sealed record Decision(TensorInfo Output, TensorPlace Place, PlanRule Rule, TensorOperation Merge, TensorWork Work, IReadOnlyList<ICheckpoint> Inputs);
