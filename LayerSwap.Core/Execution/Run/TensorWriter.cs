using System.IO.Hashing;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Receives the bytes of an output tensor.</summary>
internal delegate void TensorSink(PlannedTensor tensor, long offset, ReadOnlySpan<byte> bytes);

/// <summary>Computes the bytes of planned tensors, chunk by chunk, and their checksums.</summary>
internal sealed class TensorWriter(
    BlockStreamer streamer, int? blockElements, TensorSink sink, NonFiniteCounter tally, ProgressMeter meter)
{
    /// <summary>Computes one tensor and its checksum.</summary>
    public ulong Write(int worker, PlannedTensor tensor)
    {
        long elements = tensor.Tensor.ElementCount;
        ulong[] hashes = new ulong[ChunkSizes.ChunkCountOf(elements)];
        if (tensor.Work is TensorWork.Compute compute)
        {
            compute.Operation.Prepare(new StreamedPasses(streamer, worker, compute, elements));
        }

        streamer.Pool.Split(worker, hashes.Length, (w, chunk) =>
        {
            (long start, int count) = ChunkSizes.ChunkAt(chunk, elements);
            hashes[chunk] = tensor.Work switch
            {
                TensorWork.Compute or TensorWork.Convert when tensor.Work.UsesFloat64(tensor.Tensor.DType) =>
                    ComputeChunk<double>(w, tensor, start, count),
                TensorWork.Compute or TensorWork.Convert => ComputeChunk<float>(w, tensor, start, count),
                _ => CopyChunk(w, tensor, start, count),
            };
        });

        return TensorChecksum.Combine(hashes);
    }

    private ulong CopyChunk(int worker, PlannedTensor tensor, long firstElement, int elements)
    {
        int bits = tensor.Tensor.DType.Bits();
        // Chunks begin at multiples of eight elements, so at whole bytes for every dtype; the last one ends with the tensor.
        long first = firstElement / 8 * bits, end = first + (((long)elements * bits) / 8);
        WorkerBuffers buffers = streamer.BuffersOf(worker);
        XxHash64 hash = buffers.StartChecksum();
        for (long offset = first; offset < end; offset += TensorWorkSizes.CopyBlock)
        {
            int count = (int)Math.Min(TensorWorkSizes.CopyBlock, end - offset);
            Span<byte> bytes = buffers.Output(count);
            tensor.Work.Operands[0].Read(offset, bytes);
            for (int k = 1; k < tensor.Work.Operands.Count; k++)
            {
                RequireSame(tensor, k, offset, bytes, buffers.Raw(count));
            }

            sink(tensor, offset, bytes);
            hash.Append(bytes);
            meter.Add((long)count * (tensor.Work.Operands.Count + 1));
        }

        return hash.GetCurrentHashAsUInt64();
    }

    private ulong ComputeChunk<T>(int worker, PlannedTensor tensor, long firstElement, int elements)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        XxHash64 hash = streamer.BuffersOf(worker).StartChecksum();
        DType dtype = tensor.Tensor.DType;
        int width = dtype.Bits() / 8;
        long rowLength = tensor.Work.RowLength, end = firstElement + elements;
        long readWidth = tensor.Work.Operands.Sum(o => o.DType.Bits() / 8);
        int block = blockElements ?? tensor.Work.BlockLength(dtype);
        for (long start = firstElement; start < end; start += block)
        {
            int count = (int)Math.Min(block, end - start);
            // Rows must be computed whole; elements of neighbouring blocks are discarded.
            BlockRange range = BlockRange.AlignToRows(start, count, rowLength, tensor.Tensor.ElementCount);
            ReadOnlySpan<byte> output = BlockComputer.Compute<T>(streamer.BuffersOf(worker), tensor, range, rowLength, tally);
            sink(tensor, start * width, output);
            meter.Add((readWidth * count) + output.Length);
            if (count == elements)
            {
                // One call is three times as fast as appending.
                return XxHash64.HashToUInt64(output);
            }

            hash.Append(output);
        }

        return hash.GetCurrentHashAsUInt64();
    }

    /// <summary>Requires that an operand has the same bytes as the first.</summary>
    /// <exception cref="MergeException">The bytes differ.</exception>
    public static void RequireSame(PlannedTensor tensor, int operand, long offset, ReadOnlySpan<byte> expected, Span<byte> buffer)
    {
        Operand other = tensor.Work.Operands[operand];
        other.Read(offset, buffer);
        if (!expected.SequenceEqual(buffer))
        {
            throw new MergeException(
                $"Tensor {Printable.Escape(tensor.Tensor.Name)} is {tensor.Tensor.DType.Code()}, which is never averaged, "
                + $"and its bytes differ between {Printable.Escape(tensor.Work.Operands[0].Checkpoint.Name)} and "
                + $"{Printable.Escape(other.Checkpoint.Name)}. Remedy: take it from one input, {TensorPlanner.RuleRemedy}.");
        }
    }
}
