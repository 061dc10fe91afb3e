using LayerSwap.Checkpoints;
using LayerSwap.Common;

namespace LayerSwap.Planning;

/// <summary>
/// Refuses computation with quantised tensors and adapter factors, whose numbers are not the weights. Copying a quantised weight
/// with all its scales is exact, and allowed.
/// </summary>
internal sealed class SchemeCheck
{
    private const string Remedy = "Remedy: take whole layers (swap without transition, passthrough, take), "
        + "or dequantise the models first, with the library that quantised them";

    private const string RuleRemedy = "Remedy: let a rule match all tensors of a module, or of a layer";

    private readonly Dictionary<ICheckpoint, StorageScheme> _schemes = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, string> _groupOf = new(StringComparer.Ordinal);

    public SchemeCheck(IEnumerable<ICheckpoint> inputs)
    {
        foreach (ICheckpoint input in inputs.Distinct())
        {
            StorageScheme scheme = StorageScheme.Detect(input);
            _schemes.Add(input, scheme);
            foreach (QuantizedGroup group in scheme.Groups)
            {
                foreach (string name in group.Tensors)
                {
                    _groupOf.TryAdd(name, group.Module);
                }
            }
        }
    }

    /// <summary>Whether any input is quantised.</summary>
    public bool HasQuantized => _groupOf.Count > 0;

    /// <summary>Reports adapters, and a mix of quantised and other inputs.</summary>
    public void CheckInputs(ProblemList problems)
    {
        foreach ((ICheckpoint input, StorageScheme scheme) in _schemes.Where(s => s.Value.Adapter is not null))
        {
            problems.Add($"{Printable.Escape(input.Name)} is an adapter ({scheme.Adapter}), or contains one: "
                + "its tensors are factors of deltas, and averaging factors is not averaging deltas. "
                + "Remedy: apply the adapter to its base model first (PEFT: merge_and_unload), and merge the result");
        }

        string[] unquantized = [.. _schemes.Where(s => s.Value.Quantization is null).Select(s => Printable.Escape(s.Key.Name))];
        if (HasQuantized && unquantized.Length > 0)
        {
            IEnumerable<string> quantized = _schemes.Where(s => s.Value.Quantization is not null)
                .Select(s => $"{Printable.Escape(s.Key.Name)} is quantised ({s.Value.Quantization})");
            problems.Add($"{string.Join(", ", quantized)}, and {string.Join(", ", unquantized)} is not. "
                + "Remedy: merge models that are stored alike: dequantise those that are quantised, "
                + "with the library that quantised them, or fetch them unquantised");
        }
    }

    /// <summary>Reports quantised tensors that would be computed with, converted, resized, or separated from their scales.</summary>
    public void CheckDecisions(IReadOnlyList<TensorDecision> decisions, ProblemList problems)
    {
        if (!HasQuantized)
        {
            return;
        }

        IEnumerable<IGrouping<string, TensorDecision>> groups = decisions.Where(d => _groupOf.ContainsKey(d.Output.Name))
            .GroupBy(d => _groupOf[d.Output.Name], StringComparer.Ordinal);
        foreach (IGrouping<string, TensorDecision> group in groups)
        {
            CheckTensors(group, problems);
            CheckSources(group, problems);
        }
    }

    private void CheckTensors(IEnumerable<TensorDecision> group, ProblemList problems)
    {
        foreach (TensorDecision decision in group.Where(d => d.Work is not TensorWork.Copy))
        {
            string reason = decision.Work is TensorWork.Convert
                ? $"cannot be converted to {decision.Output.DType.Code()} without their scales"
                : $"cannot be computed with ({decision.Rule.Strategy.Name})";
            problems.Add($"{Names(decision.Inputs)} is quantised ({SchemeOf(decision.Inputs)}): "
                + $"the stored numbers are not the weights, and {reason}. {Remedy}", decision.Output.Name);
        }

        foreach (TensorDecision decision in group.Where(d => d.Work is TensorWork.Copy copy && copy.Operand.Tensor.Shape != d.Output.Shape))
        {
            problems.Add($"{Names(decision.Inputs)} is quantised ({SchemeOf(decision.Inputs)}): "
                + "rows of packed weights cannot be cut or added. Remedy: merge models with one vocabulary", decision.Output.Name);
        }
    }

    private void CheckSources(IGrouping<string, TensorDecision> group, ProblemList problems)
    {
        ICheckpoint[] sources = [.. group.Select(d => d.Work).OfType<TensorWork.Copy>().Select(c => c.Operand.Checkpoint).Distinct()];
        if (sources.Length > 1)
        {
            string names = string.Join(" and ", sources.Select(s => Printable.Escape(s.Name)));
            problems.Add($"A quantised weight and its scales would be taken from different models ({names}). {RuleRemedy}",
                group.First().Output.Name);
        }
        else if (sources is [var source]
            && _schemes[source].Groups.FirstOrDefault(g => g.Module == group.Key) is { } whole
            && whole.Tensors.FirstOrDefault(t => group.All(d => d.Output.Name != t)) is { } missing)
        {
            problems.Add($"A quantised weight of {Printable.Escape(source.Name)} would be taken without {Printable.Escape(missing)}, "
                + $"which it needs. {RuleRemedy}", group.First().Output.Name);
        }
    }

    private static string Names(IReadOnlyList<ICheckpoint> inputs) =>
        string.Join(", ", inputs.Select(i => Printable.Escape(i.Name)).Distinct(StringComparer.Ordinal));

    private string SchemeOf(IReadOnlyList<ICheckpoint> inputs) =>
        inputs.Select(i => _schemes.GetValueOrDefault(i)?.Quantization).FirstOrDefault(q => q is not null) ?? "scaled numbers";
}
