using System.Collections.Concurrent;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Counts what is not finite in the operands of computed tensors, as they are read, and what overflows in their results; or refuses it.</summary>
internal sealed class NonFiniteTally(bool refuse)
{
    private readonly ConcurrentDictionary<Place, NonFiniteInput> _found = new();
    private readonly ConcurrentDictionary<string, Overflow> _overflows = new(StringComparer.Ordinal);

    /// <summary>In a settled order.</summary>
    public IReadOnlyList<NonFiniteInput> Found =>
        [.. _found.Values.OrderBy(f => f.Tensor, StringComparer.Ordinal).ThenBy(f => f.Model, StringComparer.Ordinal)];

    /// <summary>What overflowed, in the order of names.</summary>
    public IReadOnlyList<Overflow> Overflows => [.. _overflows.Values.OrderBy(o => o.Tensor, StringComparer.Ordinal)];

    /// <summary>Looks for what is not finite in results of finite operands.</summary>
    /// <param name="tensor">The tensor being computed.</param>
    /// <param name="raw">The operands' bytes, one operand after another.</param>
    /// <param name="range">Which elements; those that are not wanted do not count.</param>
    /// <param name="part">The first element to look at, from the range's start.</param>
    /// <param name="output">Their bytes in the output's dtype.</param>
    public void ObserveOutput(PlannedTensor tensor, ReadOnlySpan<byte> raw, BlockRange range, int part, ReadOnlySpan<byte> output)
    {
        DType dtype = tensor.Tensor.DType;
        if (NonFinite.Count(dtype, output) == 0)
        {
            return;
        }

        int width = dtype.Bits() / 8;
        long found = 0;
        for (int i = Math.Max(part, range.Own); i < Math.Min(part + (output.Length / width), range.Own + range.Wanted); i++)
        {
            found += NonFinite.Count(dtype, output.Slice((i - part) * width, width)) > 0 && OperandsAreFinite(tensor.Work.Operands, raw, range.Count, i) ? 1 : 0;
        }

        if (found > 0)
        {
            Add(tensor.Tensor, found);
        }
    }

    private static bool OperandsAreFinite(IReadOnlyList<Operand> operands, ReadOnlySpan<byte> raw, int count, int i)
    {
        int at = 0;
        bool finite = true;
        for (int k = 0; k < operands.Count; k++)
        {
            int width = operands[k].DType.Bits() / 8;
            finite &= NonFinite.Count(operands[k].DType, raw.Slice(at + (i * width), width)) == 0;
            at += count * width;
        }

        return finite;
    }

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

    private void Add(TensorInfo tensor, long found)
    {
        _overflows.AddOrUpdate(tensor.Name, name => new Overflow { Tensor = name, DType = tensor.DType, Count = found }, (_, before) => before with { Count = before.Count + found });
        if (refuse)
        {
            throw new MergeException($"Tensor {Printable.Escape(tensor.Name)} has results that are too large for {tensor.DType.Code()}, though its inputs are finite, and these were to be refused. "
                + "Remedy: choose a dtype of a wider range (--dtype bf16 or f32, dtype in a recipe, As in code), or merge without refusing them.");
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
