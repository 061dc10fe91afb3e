using System.Collections.Concurrent;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Counts what is not finite in the operands of computed tensors, as they are read; or refuses it.</summary>
internal sealed class NonFiniteTally(bool refuse)
{
    private readonly ConcurrentDictionary<Place, NonFiniteInput> _found = new();

    /// <summary>In a settled order.</summary>
    public IReadOnlyList<NonFiniteInput> Found =>
        [.. _found.Values.OrderBy(f => f.Tensor, StringComparer.Ordinal).ThenBy(f => f.Model, StringComparer.Ordinal)];

    /// <param name="tensor">The tensor being computed.</param>
    /// <param name="raw">The operands' bytes, one operand after another.</param>
    /// <param name="range">Which elements; those that are not wanted do not count.</param>
    /// <param name="part">The first element to look at, from the range's start.</param>
    /// <param name="length">How many.</param>
    public void Observe(PlannedTensor tensor, ReadOnlySpan<byte> raw, BlockRange range, int part, int length)
    {
        int first = Math.Max(part, range.Own), wanted = Math.Min(part + length, range.Own + range.Wanted) - first, at = 0;
        if (wanted <= 0)
        {
            return;
        }

        for (int k = 0; k < tensor.Work.Operands.Count; k++)
        {
            Operand operand = tensor.Work.Operands[k];
            int width = operand.DType.Bits() / 8;
            long found = NonFinite.Count(operand.DType, raw.Slice(at + (first * width), wanted * width));
            at += range.Count * width;
            if (found > 0)
            {
                Add(tensor, operand, found);
            }
        }
    }

    private void Add(PlannedTensor tensor, Operand operand, long found)
    {
        _found.AddOrUpdate(
            new Place(tensor.Tensor.Name, operand.Checkpoint.Name),
            place => new NonFiniteInput { Tensor = place.Tensor, Model = place.Model, Count = found },
            (_, before) => before with { Count = before.Count + found });
        if (refuse)
        {
            throw new MergeException($"Tensor {Printable.Escape(operand.Tensor.Name)} of {Printable.Escape(operand.Checkpoint.Name)} has elements that are NaN or infinite, and these were to be refused. "
                + "Remedy: look at that model, or merge without refusing them.");
        }
    }

    private sealed record Place(string Tensor, string Model);
}
