using System.Collections.Concurrent;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Counts, or refuses, non-finite elements in the operands of computed tensors, and overflows in their results.</summary>
internal sealed class NonFiniteCounter(bool refuse)
{
    private readonly ConcurrentDictionary<InputTensor, NonFiniteInput> _found = new();
    private readonly ConcurrentDictionary<string, Overflow> _overflows = new(StringComparer.Ordinal);

    /// <summary>The non-finite inputs, ordered by tensor and model.</summary>
    public IReadOnlyList<NonFiniteInput> NonFiniteInputs =>
        [.. _found.Values.OrderBy(f => f.Tensor, StringComparer.Ordinal).ThenBy(f => f.Model, StringComparer.Ordinal)];

    /// <summary>The overflows, ordered by tensor.</summary>
    public IReadOnlyList<Overflow> Overflows => [.. _overflows.Values.OrderBy(o => o.Tensor, StringComparer.Ordinal)];

    /// <summary>Counts overflows: non-finite results of finite operands.</summary>
    /// <param name="tensor">The tensor being computed.</param>
    /// <param name="raw">The operands' bytes, one operand after another.</param>
    /// <param name="range">The elements read; only wanted ones are counted.</param>
    /// <param name="offset">The first element to check, relative to the range's start.</param>
    /// <param name="output">The bytes of the elements to check, in the output's dtype.</param>
    public void CountOverflows(PlannedTensor tensor, ReadOnlySpan<byte> raw, BlockRange range, int offset, ReadOnlySpan<byte> output)
    {
        DType dtype = tensor.Tensor.DType;
        if (NonFinite.Count(dtype, output) == 0)
        {
            return;
        }

        int width = dtype.Bits() / 8;
        long found = 0;
        int end = Math.Min(offset + (output.Length / width), range.WantedOffset + range.WantedCount);
        for (int i = Math.Max(offset, range.WantedOffset); i < end; i++)
        {
            bool finite = NonFinite.Count(dtype, output.Slice((i - offset) * width, width)) == 0;
            if (!finite && OperandsAreFinite(tensor.Work.Operands, raw, range.Count, i))
            {
                found++;
            }
        }

        if (found > 0)
        {
            AddOverflows(tensor.Tensor, found);
        }
    }

    private static bool OperandsAreFinite(IReadOnlyList<Operand> operands, ReadOnlySpan<byte> raw, int count, int i)
    {
        int start = 0;
        bool finite = true;
        for (int k = 0; k < operands.Count; k++)
        {
            int width = operands[k].DType.Bits() / 8;
            finite &= NonFinite.Count(operands[k].DType, raw.Slice(start + (i * width), width)) == 0;
            start += count * width;
        }

        return finite;
    }

    /// <summary>Counts non-finite elements of the operands.</summary>
    /// <param name="tensor">The tensor being computed.</param>
    /// <param name="raw">The operands' bytes, one operand after another.</param>
    /// <param name="range">The elements read; only wanted ones are counted.</param>
    /// <param name="offset">The first element to check, relative to the range's start.</param>
    /// <param name="length">The number of elements to check.</param>
    public void CountInputs(PlannedTensor tensor, ReadOnlySpan<byte> raw, BlockRange range, int offset, int length)
    {
        int first = Math.Max(offset, range.WantedOffset);
        int count = Math.Min(offset + length, range.WantedOffset + range.WantedCount) - first;
        if (count <= 0)
        {
            return;
        }

        int start = 0;
        for (int k = 0; k < tensor.Work.Operands.Count; k++)
        {
            Operand operand = tensor.Work.Operands[k];
            int width = operand.DType.Bits() / 8;
            long found = NonFinite.Count(operand.DType, raw.Slice(start + (first * width), count * width));
            start += range.Count * width;
            if (found > 0)
            {
                AddInputs(tensor, operand, found);
            }
        }
    }

    private void AddOverflows(TensorInfo tensor, long count)
    {
        _overflows.AddOrUpdate(
            tensor.Name,
            name => new Overflow { Tensor = name, DType = tensor.DType, Count = count },
            (_, before) => before with { Count = before.Count + count });
        if (refuse)
        {
            throw new MergeException($"Tensor {Printable.Escape(tensor.Name)} has results that are too large for {tensor.DType.Code()}, "
                + "though its inputs are finite, and these are refused by the options. "
                + "Remedy: choose a dtype of a wider range (--dtype bf16 or f32, dtype in a recipe, As in code), "
                + "or merge without refusing them.");
        }
    }

    private void AddInputs(PlannedTensor tensor, Operand operand, long count)
    {
        _found.AddOrUpdate(
            new InputTensor(tensor.Tensor.Name, operand.Checkpoint.Name),
            key => new NonFiniteInput { Tensor = key.Tensor, Model = key.Model, Count = count },
            (_, before) => before with { Count = before.Count + count });
        if (refuse)
        {
            throw new MergeException($"Tensor {Printable.Escape(operand.Tensor.Name)} of {Printable.Escape(operand.Checkpoint.Name)} "
                + "has elements that are NaN or infinite, and these are refused by the options. "
                + "Remedy: look at that model, or merge without refusing them.");
        }
    }

    private sealed record InputTensor(string Tensor, string Model);
}
