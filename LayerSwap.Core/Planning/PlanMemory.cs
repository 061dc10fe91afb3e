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
        long block = decisions.Count == 0 ? 0 : decisions.Max(d => BlockBytes(d, request.BlockElements));
        return Runtime + (decisions.Count * PerTensor * (request.Inputs.Count + 1)) + (request.Threads * block);
    }

    private static long BlockBytes(Decision decision, int? blockElements)
    {
        if (decision.Work is TensorWork.Copy or TensorWork.Agree)
        {
            return (1L + decision.Work.Operands.Count) * TensorWorkSizes.CopyBlock;
        }

        bool doubles = Streaming.Pump.NeedsDoubles(decision.Work.Operands, decision.Output.DType);
        long wide = doubles ? sizeof(double) : sizeof(float);
        long unit = decision.Work.Unit > 1 ? decision.Work.Unit : 0;
        long read = Math.Max(blockElements ?? 0, decision.Work.BlockFor(decision.Output.DType)) + (2 * unit);
        return (read * (decision.Work.Operands.Sum(o => o.DType.Bits() / 8) + (decision.Output.DType.Bits() / 8)))
            + (Math.Max(Streaming.Sections.ObserveBlock, unit) * wide * (decision.Work.Operands.Count + 1))
            + (unit * decision.Merge.BytesAnElement);
    }
}

/// <summary>Sizes that planning and execution share.</summary>
internal static class TensorWorkSizes
{
    /// <summary>Bytes copied at a time where nothing is decoded.</summary>
    public const int CopyBlock = 1 << 18;
}
