using System.Numerics;
using LayerSwap.Numerics;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>A strategy's passes, streamed by the pump.</summary>
internal sealed class PumpPasses(Pump pump, int worker, TensorWork.Compute work, long elements) : TensorPasses
{
    public override long ElementCount => elements;

    internal override ChunkPool Chunks => pump.Chunks;

    public override TState Reduce<TState>(TensorReduction<TState> reduction, long start, long count) =>
        pump.Reduce(worker, work.Operands, new SectionGrid(start, count, work.Merge.Unit), new Adapter<TState>(reduction, work.HasBase));

    internal override void Sample<TState>(TensorReduction<TState> reduction, int windows, int length, TState state)
    {
        Adapter<TState> adapter = new(reduction, work.HasBase);
        for (int w = 0; w < windows; w++)
        {
            pump.Observe(worker, work.Operands, (elements - length) / (windows - 1) * w, length, work.Merge.Unit, adapter, state);
        }
    }

    private sealed class Adapter<TState>(TensorReduction<TState> reduction, bool hasBase) : IRowsReduction<TState>
        where TState : class
    {
        public TState Create() => reduction.Create();

        public void Observe<T>(in Rows<T> rows, long start, Span<T> spare, TState state)
            where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
            reduction.Observe(new MergeBlock<T>(new Aligned<T>(start, rows, hasBase), spare), state);

        public bool TryObserve(in Rows<BFloat16> rows, long start, TState state) => reduction.TryObserve(new Aligned<BFloat16>(start, rows, hasBase), state);

        public void Combine(TState into, TState from) => reduction.Combine(into, from);

        public bool Clear(TState state) => reduction.Clear(state);
    }
}
