using System.Runtime.InteropServices;
using LayerSwap.Numerics;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>A range of elements of a tensor, rounded out to whole rows.</summary>
/// <param name="Start">The first element of the first row.</param>
/// <param name="Count">The number of elements.</param>
/// <param name="WantedOffset">The offset of the first wanted element from <paramref name="Start"/>.</param>
/// <param name="WantedCount">The number of wanted elements.</param>
internal readonly record struct BlockRange(long Start, int Count, int WantedOffset, int WantedCount)
{
    /// <summary>Rounds a range of wanted elements out to whole rows.</summary>
    public static BlockRange AlignToRows(long first, int wanted, long rowLength, long elements)
    {
        long start = first / rowLength * rowLength;
        long end = Math.Min((first + wanted + rowLength - 1) / rowLength * rowLength, elements);
        return new BlockRange(start, (int)(end - start), (int)(first - start), wanted);
    }
}

/// <summary>Computes the bytes of a block of a planned tensor: read, decode, merge, narrow, preserve identical elements.</summary>
internal static class BlockComputer
{
    /// <param name="buffers">The worker's buffers.</param>
    /// <param name="tensor">A tensor that is computed or converted.</param>
    /// <param name="range">The elements.</param>
    /// <param name="rowLength">The number of elements that must be computed together.</param>
    /// <param name="tally">Counts non-finite elements; may be null.</param>
    /// <returns>The bytes of the wanted elements, a view of the worker's buffers.</returns>
    public static ReadOnlySpan<byte> Compute<T>(
        WorkerBuffers buffers, PlannedTensor tensor, BlockRange range, long rowLength, NonFiniteCounter? tally)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        DType dtype = tensor.Tensor.DType;
        int width = dtype.Bits() / 8, step = ChunkSizes.ComputeBlockOf(rowLength);
        int count = range.Count;
        ReadOnlySpan<byte> raw = buffers.Read(tensor.Work.Operands, range.Start, count);
        Span<byte> output = buffers.Output(count * width);
        bool allBFloat16 = dtype == DType.BFloat16 && BlockStreamer.AllAre(tensor.Work.Operands, DType.BFloat16);
        TensorWork.Compute? bfloat16Work = allBFloat16 ? tensor.Work as TensorWork.Compute : null;

        // Each step decodes, counts, merges and preserves a few elements, so that their bytes stay in the core's cache.
        for (int offset = 0; offset < count; offset += step)
        {
            int length = Math.Min(step, count - offset);
            Span<byte> destination = output.Slice(offset * width, length * width);
            if (bfloat16Work is not null && TryMerge(bfloat16Work, raw, range, offset, destination))
            {
                tally?.CountOverflows(tensor, raw, range, offset, destination);
                continue;
            }

            ReadOnlySpan<T> decoded = buffers.Decode<T>(tensor.Work.Operands, raw, count, offset, length, out bool finite);
            if (!finite)
            {
                tally?.CountInputs(tensor, raw, range, offset, length);
            }

            if (tensor.Work is TensorWork.Compute compute)
            {
                Span<T> result = buffers.Result<T>(length);
                Merge(compute, new OperandBlock<T>(range.Start + offset, decoded, length, length, compute.HasBase, result));
                if (dtype != DType.BFloat16)
                {
                    // Finite operands may give NaN, since factors depend on the whole tensor. Rounding to BF16 unifies NaNs itself.
                    NonFinite.CanonicalizeNaNs(result);
                }

                Narrow<T>(dtype, result, destination);
                PreserveIdenticalElements(compute, dtype, raw, count, offset, destination);
            }
            else
            {
                Narrow(dtype, decoded[..length], destination);
            }

            tally?.CountOverflows(tensor, raw, range, offset, destination);
        }

        return output.Slice(range.WantedOffset * width, range.WantedCount * width);
    }

    /// <summary>Merges BF16 operands without decoding them, if the operation supports it.</summary>
    private static bool TryMerge(
        TensorWork.Compute compute, ReadOnlySpan<byte> raw, BlockRange range, int offset, Span<byte> destination)
    {
        Span<BFloat16> output = MemoryMarshal.Cast<byte, BFloat16>(destination);
        ReadOnlySpan<BFloat16> operands = MemoryMarshal.Cast<byte, BFloat16>(raw)[offset..];
        OperandBlock<BFloat16> block = new(range.Start + offset, operands, output.Length, range.Count, compute.HasBase, output);
        if (!compute.Operation.TryMerge(block))
        {
            return false;
        }

        PreserveIdenticalElements(compute, DType.BFloat16, raw, range.Count, offset, destination);
        return true;
    }

    private static void Merge<T>(TensorWork.Compute compute, OperandBlock<T> block)
        where T : unmanaged
    {
        if (typeof(T) == typeof(double))
        {
            compute.Operation.Merge(block.As<double>());
        }
        else
        {
            compute.Operation.Merge(block.As<float>());
        }
    }

    /// <summary>Copies the bits of elements that all operands share, if the strategy asks for it and no dtype was converted.</summary>
    /// <param name="compute">The operation and its operands.</param>
    /// <param name="dtype">The output's dtype.</param>
    /// <param name="raw">The operands' bytes, one operand after another.</param>
    /// <param name="count">The number of elements read of each operand.</param>
    /// <param name="offset">The first element of <paramref name="output"/> in each operand.</param>
    /// <param name="output">The result's bytes.</param>
    private static void PreserveIdenticalElements(
        TensorWork.Compute compute, DType dtype, ReadOnlySpan<byte> raw, int count, int offset, Span<byte> output)
    {
        if (compute.Operation.Agreement == AgreementRule.None)
        {
            return;
        }

        int skip = compute.HasBase && compute.Operation.Agreement == AgreementRule.Sources ? 1 : 0;
        int compared = compute.Operands.Count - skip;
        bool same = compared > 0;
        for (int k = skip; same && k < compute.Operands.Count; k++)
        {
            same = compute.Operands[k].DType == dtype;
        }

        if (same)
        {
            int width = dtype.Bits() / 8;
            ReadOnlySpan<byte> operands = raw[^(count * width * compared)..]
                .Slice(offset * width, (count * (compared - 1) * width) + output.Length);
            PreserveIdentical.Restore(width, operands, count, output);
        }
    }

    private static void Narrow<T>(DType dtype, ReadOnlySpan<T> source, Span<byte> destination)
        where T : unmanaged
    {
        if (typeof(T) == typeof(double))
        {
            ElementCodec.Narrow(dtype, MemoryMarshal.Cast<T, double>(source), destination);
        }
        else
        {
            ElementCodec.Narrow(dtype, MemoryMarshal.Cast<T, float>(source), destination);
        }
    }
}
