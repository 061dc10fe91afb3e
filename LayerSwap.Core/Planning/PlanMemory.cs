using LayerSwap.Checkpoints;

namespace LayerSwap.Planning;

/// <summary>What a plan needs of memory: <c>workers x (operands + 1) x block</c>, decoded and undecoded, and what the runtime and the headers take.</summary>
internal static class PlanMemory
{
    /// <summary>What a .NET process with this library loaded holds before it merges anything, generously.</summary>
    private const long Runtime = 80_000_000;

    /// <summary>Names, shapes and places of one tensor in all tables, generously.</summary>
    private const long PerTensor = 4_000;

    public static long Estimate(PlanRequest request, IReadOnlyList<Decision> decisions)
    {
        long block = decisions.Count == 0 ? 0 : decisions.Max(d => BlockBytes(d.Work, d.Output, d.Merge.BytesAnElement, request.BlockElements));
        return checked(Runtime + (decisions.Count * PerTensor * (request.Inputs.Count + 1)) + (request.Threads * (block + WorkingBytes(request.Inputs, []))));
    }

    /// <summary>What a thread needs to compute a block of a plan's tensors.</summary>
    public static long BlockBytes(IReadOnlyList<PlannedTensor> tensors) =>
        tensors.Select(t => BlockBytes(t.Work, t.Tensor, (t.Work as TensorWork.Compute)?.Merge.BytesAnElement ?? 0, null)).DefaultIfEmpty(0).Max();

    /// <summary>What computed inputs need to be read, each once, however often it is used.</summary>
    private static long WorkingBytes(IEnumerable<ICheckpoint> inputs, HashSet<IComputedCheckpoint> counted) => inputs.Select(AuxiliaryFiles.OwnerOf).OfType<IComputedCheckpoint>()
        .Where(counted.Add).ToList().Sum(c => c.WorkingBytes + WorkingBytes(c.Inputs, counted));

    private static long BlockBytes(TensorWork work, TensorInfo output, long bytesAnElement, int? blockElements)
    {
        if (work is TensorWork.Copy or TensorWork.Agree)
        {
            return (1L + work.Operands.Count) * TensorWorkSizes.CopyBlock;
        }

        bool doubles = work.InDoubles(output.DType);
        long wide = doubles ? sizeof(double) : sizeof(float);
        long unit = work.Unit > 1 ? work.Unit : 0;
        long read = Math.Max(blockElements ?? 0, work.BlockFor(output.DType)) + (2 * unit);
        return (read * (work.Operands.Sum(o => o.DType.Bits() / 8) + (output.DType.Bits() / 8)))
            + (Math.Max(Streaming.ChunkSizes.ObserveBlock, unit) * wide * (work.Operands.Count + 1))
            + (unit * bytesAnElement);
    }
}

/// <summary>Sizes that planning and execution share.</summary>
internal static class TensorWorkSizes
{
    /// <summary>Bytes copied at a time where nothing is decoded.</summary>
    public const int CopyBlock = 1 << 18;

    /// <summary>The longest window of a computed checkpoint that a thread remembers, in bytes.</summary>
    public const int LongestRemembered = 1 << 20;
}
