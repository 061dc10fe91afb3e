using System.IO.Hashing;
using LayerSwap.Numerics;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Receives the bytes of an output tensor: a file, memory, or a check.</summary>
internal delegate void TensorSink(PlannedTensor tensor, long offset, ReadOnlySpan<byte> bytes);

/// <summary>Computes the bytes of planned tensors, section by section, and their checksums.</summary>
internal sealed class TensorWriter(BlockStreamer pump, int? blockElements, TensorSink sink, NonFiniteTally tally, ProgressMeter meter)
{
    /// <summary>Works one tensor and gives its checksum: XXH64 over the XXH64s of its sections, in order.</summary>
    public ulong Work(int worker, PlannedTensor tensor)
    {
        long elements = tensor.Tensor.ElementCount;
        ulong[] hashes = new ulong[ChunkSizes.CountOf(elements)];
        if (tensor.Work is TensorWork.Compute compute)
        {
            compute.Merge.Prepare(new StreamedPasses(pump, worker, compute, elements));
        }

        pump.Crew.Split(worker, hashes.Length, (w, section) =>
        {
            (long start, int count) = ChunkSizes.At(section, elements);
            hashes[section] = tensor.Work switch
            {
                TensorWork.Compute or TensorWork.Convert when tensor.Work.InDoubles(tensor.Tensor.DType) => Elements<double>(w, tensor, start, count),
                TensorWork.Compute or TensorWork.Convert => Elements<float>(w, tensor, start, count),
                _ => Bytes(w, tensor, start, count),
            };
        });

        return TensorChecksum.Of(hashes);
    }

    private ulong Bytes(int worker, PlannedTensor tensor, long firstElement, int elements)
    {
        int bits = tensor.Tensor.DType.Bits();
        // A section's elements fill whole bytes for every width; the last section ends where the tensor does.
        long first = firstElement / 8 * bits, end = first + (((long)elements * bits) / 8);
        WorkerBuffers scratch = pump.ScratchOf(worker);
        XxHash64 hash = scratch.StartChecksum();
        for (long at = first; at < end; at += TensorWorkSizes.CopyBlock)
        {
            int count = (int)Math.Min(TensorWorkSizes.CopyBlock, end - at);
            Span<byte> bytes = scratch.Output(count);
            tensor.Work.Operands[0].Read(at, bytes);
            for (int k = 1; k < tensor.Work.Operands.Count; k++)
            {
                RequireSame(tensor, k, at, bytes, scratch.Raw(count));
            }

            sink(tensor, at, bytes);
            hash.Append(bytes);
            meter.Add((long)count * (tensor.Work.Operands.Count + 1));
        }

        return hash.GetCurrentHashAsUInt64();
    }

    private ulong Elements<T>(int worker, PlannedTensor tensor, long firstElement, int elements)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        XxHash64 hash = pump.ScratchOf(worker).StartChecksum();
        DType dtype = tensor.Tensor.DType;
        int width = dtype.Bits() / 8;
        long unit = tensor.Work.Unit, end = firstElement + elements;
        long readWidth = tensor.Work.Operands.Sum(o => o.DType.Bits() / 8);
        int block = blockElements ?? tensor.Work.BlockFor(dtype);
        for (long start = firstElement; start < end; start += block)
        {
            int count = (int)Math.Min(block, end - start);
            // A block that begins or ends within a unit is computed with all of it, and what belongs to its neighbours is left to them.
            BlockRange range = BlockRange.Around(start, count, unit, tensor.Tensor.ElementCount);
            ReadOnlySpan<byte> output = BlockComputer.Compute<T>(pump.ScratchOf(worker), tensor, range, unit, tally);
            sink(tensor, start * width, output);
            meter.Add((readWidth * count) + output.Length);
            if (count == elements)
            {
                // Three times quicker than appending.
                return XxHash64.HashToUInt64(output);
            }

            hash.Append(output);
        }

        return hash.GetCurrentHashAsUInt64();
    }

    public static void RequireSame(PlannedTensor tensor, int operand, long offset, ReadOnlySpan<byte> expected, Span<byte> found)
    {
        Operand other = tensor.Work.Operands[operand];
        other.Read(offset, found);
        if (!expected.SequenceEqual(found))
        {
            throw new MergeException($"Tensor {Printable.Escape(tensor.Tensor.Name)} is {tensor.Tensor.DType.Code()}, which is never averaged, and its bytes differ between "
                + $"{Printable.Escape(tensor.Work.Operands[0].Checkpoint.Name)} and {Printable.Escape(other.Checkpoint.Name)}. Remedy: take it from one input, {TensorPlanner.AsRule}.");
        }
    }
}
