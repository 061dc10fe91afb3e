using LayerSwap.Numerics;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Receives the bytes of an output tensor: a file, memory, or a check.</summary>
internal delegate void TensorSink(PlannedTensor tensor, long offset, ReadOnlySpan<byte> bytes);

/// <summary>Computes the bytes of planned tensors, section by section, and their checksums.</summary>
internal sealed class TensorWriter(Pump pump, int? blockElements, TensorSink sink, NonFiniteTally tally, ProgressMeter meter)
{
    /// <summary>Works one tensor and gives its checksum: XXH64 over the XXH64s of its sections, in order.</summary>
    public ulong Work(int worker, PlannedTensor tensor)
    {
        long elements = tensor.Tensor.ElementCount;
        ulong[] hashes = new ulong[Sections.CountOf(elements)];
        try
        {
            if (tensor.Work is TensorWork.Compute compute)
            {
                compute.Merge.Prepare(new PumpPasses(pump, worker, compute, elements));
            }

            pump.Crew.Split(worker, hashes.Length, (w, section) =>
            {
                (long start, int count) = Sections.At(section, elements);
                hashes[section] = tensor.Work switch
                {
                    TensorWork.Compute or TensorWork.Convert when tensor.Work.InDoubles(tensor.Tensor.DType) => Elements<double>(w, tensor, start, count),
                    TensorWork.Compute or TensorWork.Convert => Elements<float>(w, tensor, start, count),
                    _ => Bytes(w, tensor, start, count),
                };
            });
        }
        finally
        {
            (tensor.Work as TensorWork.Compute)?.Merge.Release();
        }

        return TensorChecksum.Of(hashes);
    }

    private ulong Bytes(int worker, PlannedTensor tensor, long firstElement, int elements)
    {
        int bits = tensor.Tensor.DType.Bits();
        // A section's elements fill whole bytes for every width; the last section ends where the tensor does.
        long first = firstElement / 8 * bits, end = first + (((long)elements * bits) / 8);
        XxHash64 hash = new();
        Scratch scratch = pump.ScratchOf(worker);
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

        return hash.Digest();
    }

    private ulong Elements<T>(int worker, PlannedTensor tensor, long firstElement, int elements)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        XxHash64 hash = new();
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
            hash.Append(output);
            meter.Add((readWidth * count) + output.Length);
        }

        return hash.Digest();
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
