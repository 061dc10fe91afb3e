using LayerSwap.Checkpoints;
using LayerSwap.Common;
using LayerSwap.LayerMaps;

namespace LayerSwap.Planning;

/// <summary>Refuses to compute with numbers that are not the weights: quantised tensors, and factors of adapters. What is taken whole, a weight with all that it needs, is exact.</summary>
internal sealed class SchemeCheck
{
    private const string Remedy = "Remedy: take whole layers (swap without transition, passthrough, take), or dequantise the models first, with the library that quantised them";

    private readonly Dictionary<ICheckpoint, StorageScheme> _schemes = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, string> _groupOf = new(StringComparer.Ordinal);

    public SchemeCheck(IEnumerable<ICheckpoint> inputs)
    {
        foreach (ICheckpoint input in inputs.Distinct())
        {
            StorageScheme scheme = StorageScheme.Of(input);
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

    /// <summary>Names inputs that are no models, and inputs of which some are quantised and some not.</summary>
    public void Inputs(ProblemList problems)
    {
        foreach ((ICheckpoint input, StorageScheme scheme) in _schemes.Where(s => s.Value.Adapter is not null))
        {
            problems.Add($"{Printable.Escape(input.Name)} is an adapter ({scheme.Adapter}), or has one in it: its tensors are factors of changes, and averaging factors is not averaging changes. "
                + "Remedy: apply the adapter to its base model first (PEFT: merge_and_unload), and merge the result");
        }

        ICheckpoint[] plain = [.. _schemes.Where(s => s.Value.Quantization is null).Select(s => s.Key)];
        if (HasQuantized && plain.Length > 0)
        {
            problems.Add($"{string.Join(", ", _schemes.Where(s => s.Value.Quantization is not null).Select(s => $"{Printable.Escape(s.Key.Name)} is quantised ({s.Value.Quantization})"))}, and {string.Join(", ", plain.Select(p => Printable.Escape(p.Name)))} is not. "
                + "Remedy: merge models that are stored alike: dequantise those that are quantised, with the library that quantised them, or fetch them unquantised");
        }
    }

    /// <summary>Names what would be computed with quantised tensors, converted, cut, or taken apart.</summary>
    public void Decisions(IReadOnlyList<Decision> decisions, ProblemList problems)
    {
        if (!HasQuantized)
        {
            return;
        }

        foreach (IGrouping<string, Decision> group in decisions.Where(d => _groupOf.ContainsKey(d.Output.Name)).GroupBy(d => _groupOf[d.Output.Name], StringComparer.Ordinal))
        {
            foreach (Decision decision in group.Where(d => d.Work is not TensorWork.Copy))
            {
                string what = decision.Work is TensorWork.Convert ? $"cannot be converted to {decision.Output.DType.Code()} without its scales" : $"cannot be computed with ({decision.Rule.Strategy.Name})";
                problems.Add($"{Names(decision.Inputs)} is quantised ({SchemeOf(decision.Inputs)}): the numbers stored are not the weights, and what is stored {what}. {Remedy}", decision.Output.Name);
            }

            foreach (Decision decision in group.Where(d => d.Work is TensorWork.Copy copy && copy.Operands[0].Tensor.Shape != d.Output.Shape))
            {
                problems.Add($"{Names(decision.Inputs)} is quantised ({SchemeOf(decision.Inputs)}): rows of packed weights cannot be cut or added. Remedy: merge models with one vocabulary", decision.Output.Name);
            }

            ICheckpoint[] sources = [.. group.Where(d => d.Work is TensorWork.Copy).Select(d => d.Work.Operands[0].Checkpoint).Distinct()];
            if (sources.Length > 1)
            {
                problems.Add($"A quantised weight and its scales would be taken from different models ({string.Join(" and ", sources.Select(s => Printable.Escape(s.Name)))}). Remedy: let a rule match all tensors of a module, or of a layer", group.First().Output.Name);
            }
            else if (sources.Length == 1 && _schemes[sources[0]].Groups.FirstOrDefault(g => g.Module == group.Key) is { } whole && whole.Tensors.FirstOrDefault(t => group.All(d => d.Output.Name != t)) is { } missing)
            {
                problems.Add($"A quantised weight of {Printable.Escape(sources[0].Name)} would be taken without {Printable.Escape(missing)}, which it needs. Remedy: let a rule match all tensors of a module, or of a layer", group.First().Output.Name);
            }
        }
    }

    private static string Names(IReadOnlyList<ICheckpoint> inputs) => string.Join(", ", inputs.Select(i => Printable.Escape(i.Name)).Distinct(StringComparer.Ordinal));

    private string SchemeOf(IReadOnlyList<ICheckpoint> inputs) => inputs.Select(i => _schemes.GetValueOrDefault(i)?.Quantization).FirstOrDefault(q => q is not null) ?? "scaled numbers";
}
