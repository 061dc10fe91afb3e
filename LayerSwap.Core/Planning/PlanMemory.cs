using LayerSwap.Checkpoints;
using LayerSwap.Streaming;

namespace LayerSwap.Planning;

/// <summary>
/// Estimates a plan's memory: <c>workers x (operands + 1) x block</c>, as stored and as computed, plus the runtime and the headers.
/// </summary>
internal static class PlanMemory
{
    /// <summary>An upper estimate of a .NET process with this library loaded, in bytes.</summary>
    private const long Runtime = 80_000_000;

    /// <summary>An upper estimate of one tensor's name, shape and place in all tables, in bytes.</summary>
    private const long PerTensor = 4_000;

    public static long Estimate(PlanRequest request, IReadOnlyList<TensorDecision> decisions)
    {
        long block = decisions
            .Select(d => BlockBytes(d.Work, d.Output, d.Operation.BytesPerElement, request.BlockElements))
            .DefaultIfEmpty(0)
            .Max();
        long workerBytes = block + WorkingBytes(request.Inputs, []);
        return checked(Runtime + (decisions.Count * PerTensor * (request.Inputs.Count + 1)) + (request.Threads * workerBytes));
    }

    /// <summary>The memory in bytes that a worker needs to compute a block of a plan's tensors.</summary>
    public static long BlockBytes(IReadOnlyList<PlannedTensor> tensors) => tensors
        .Select(t => BlockBytes(t.Work, t.Tensor, (t.Work as TensorWork.Compute)?.Operation.BytesPerElement ?? 0, null))
        .DefaultIfEmpty(0)
        .Max();

    /// <summary>The memory in bytes to read computed inputs, each counted once.</summary>
    private static long WorkingBytes(IEnumerable<ICheckpoint> inputs, HashSet<IComputedCheckpoint> counted) => inputs
        .Select(AuxiliaryFiles.FindOwner)
        .OfType<IComputedCheckpoint>()
        .Where(counted.Add)
        .ToList()
        .Sum(c => c.WorkingBytesPerThread + WorkingBytes(c.Inputs, counted));

    private static long BlockBytes(TensorWork work, TensorInfo output, long bytesAnElement, int? blockElements)
    {
        if (work is TensorWork.Copy or TensorWork.CopyIdentical)
        {
            return (1L + work.Operands.Count) * TensorWorkSizes.CopyBlock;
        }

        long elementBytes = work.UsesFloat64(output.DType) ? sizeof(double) : sizeof(float);
        long rowLength = work.RowLength > 1 ? work.RowLength : 0;
        long read = Math.Max(blockElements ?? 0, work.BlockLength(output.DType)) + (2 * rowLength);
        return (read * (work.Operands.Sum(o => o.DType.Bits() / 8) + (output.DType.Bits() / 8)))
            + (Math.Max(ChunkSizes.ObserveBlock, rowLength) * elementBytes * (work.Operands.Count + 1))
            + (rowLength * bytesAnElement);
    }
}

/// <summary>Sizes that planning and execution share.</summary>
internal static class TensorWorkSizes
{
    /// <summary>Bytes copied at a time if nothing is decoded.</summary>
    public const int CopyBlock = 1 << 18;

    /// <summary>The longest range of a computed checkpoint that a thread caches, in bytes.</summary>
    public const int MaxCachedBytes = 1 << 20;
}
