using System.Runtime.InteropServices;
using LayerSwap.Numerics;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>The elements of a block: from the first of a unit, how many, and which of them are wanted.</summary>
internal readonly record struct BlockRange(long Start, int Count, int Own, int Wanted)
{
    /// <summary>Wanted elements with all of the units that they begin and end in.</summary>
    public static BlockRange Around(long first, int wanted, long unit, long elements)
    {
        long start = first / unit * unit, end = Math.Min((first + wanted + unit - 1) / unit * unit, elements);
        return new BlockRange(start, (int)(end - start), (int)(first - start), wanted);
    }
}

/// <summary>Computes the bytes of a block of a planned tensor: read, decode, merge, narrow, and keep what all agree on.</summary>
internal static class BlockComputer
{
    /// <param name="scratch">The worker's buffers.</param>
    /// <param name="tensor">A tensor that is computed or converted.</param>
    /// <param name="range">Which elements.</param>
    /// <param name="unit">How many are computed together.</param>
    /// <param name="tally">Told of what is not finite; null for nobody.</param>
    /// <returns>The wanted elements' bytes, in the scratch.</returns>
    public static ReadOnlySpan<byte> Compute<T>(WorkerBuffers scratch, PlannedTensor tensor, BlockRange range, long unit, NonFiniteTally? tally)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        DType dtype = tensor.Tensor.DType;
        int width = dtype.Bits() / 8, step = ChunkSizes.ComputeBlockOf(unit);
        int count = range.Count;
        ReadOnlySpan<byte> raw = scratch.Read(tensor.Work.Operands, range.Start, count);
        Span<byte> output = scratch.Output(count * width);
        TensorWork.Compute? lying = dtype == DType.BFloat16 && BlockStreamer.AllAre(tensor.Work.Operands, DType.BFloat16) ? tensor.Work as TensorWork.Compute : null;
        for (int part = 0; part < count; part += step)
        {
            int length = Math.Min(step, count - part);
            Span<byte> place = output.Slice(part * width, length * width);
            if (lying is not null && TryMerge(lying, raw, range, part, place))
            {
                tally?.ObserveOutput(tensor, raw, range, part, place);
                continue;
            }

            // Decoding, counting, merging and mending a part one after another finds its bytes in the core's own cache.
            ReadOnlySpan<T> decoded = scratch.Decode<T>(tensor.Work.Operands, raw, count, part, length, out bool finite);
            if (!finite)
            {
                tally?.Observe(tensor, raw, range, part, length);
            }

            if (tensor.Work is TensorWork.Compute compute)
            {
                Span<T> result = scratch.Result<T>(length);
                Merge(compute, new OperandBlock<T>(range.Start + part, decoded, length, length, compute.HasBase, result));
                if (dtype != DType.BFloat16)
                {
                    // Rounding to BF16 does so itself. What is finite here may be none afterwards: factors come of all of the tensor.
                    NonFinite.Unify(result);
                }

                Narrow<T>(dtype, result, place);
                Mend(compute, dtype, raw, count, part, place);
            }
            else
            {
                Narrow(dtype, decoded[..length], place);
            }

            tally?.ObserveOutput(tensor, raw, range, part, place);
        }

        return output.Slice(range.Own * width, range.Wanted * width);
    }

    /// <summary>Merges BF16 as it lies, if that can be.</summary>
    private static bool TryMerge(TensorWork.Compute compute, ReadOnlySpan<byte> raw, BlockRange range, int part, Span<byte> place)
    {
        Span<BFloat16> output = MemoryMarshal.Cast<byte, BFloat16>(place);
        ReadOnlySpan<BFloat16> operands = MemoryMarshal.Cast<byte, BFloat16>(raw)[part..];
        if (!compute.Merge.TryMerge(new OperandBlock<BFloat16>(range.Start + part, operands, output.Length, range.Count, compute.HasBase, output)))
        {
            return false;
        }

        Mend(compute, DType.BFloat16, raw, range.Count, part, place);
        return true;
    }

    private static void Merge<T>(TensorWork.Compute compute, OperandBlock<T> block)
        where T : unmanaged
    {
        if (typeof(T) == typeof(double))
        {
            compute.Merge.Merge(block.As<double>());
        }
        else
        {
            compute.Merge.Merge(block.As<float>());
        }
    }

    /// <summary>Keeps a strategy's promise on elements that all operands agree on, where dtypes allow it to be kept to the bit.</summary>
    private static void Mend(TensorWork.Compute compute, DType dtype, ReadOnlySpan<byte> raw, int read, int part, Span<byte> output)
    {
        if (compute.Merge.Agreement == AgreementRule.None)
        {
            return;
        }

        int skip = compute.HasBase && compute.Merge.Agreement == AgreementRule.Sources ? 1 : 0;
        bool same = compute.Operands.Count > skip;
        for (int k = skip; same && k < compute.Operands.Count; k++)
        {
            same = compute.Operands[k].DType == dtype;
        }

        if (same)
        {
            int width = dtype.Bits() / 8;
            PreserveIdentical.Restore(width, raw[^(read * width * (compute.Operands.Count - skip))..].Slice(part * width, ((read * (compute.Operands.Count - skip - 1)) * width) + output.Length), read, output);
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
