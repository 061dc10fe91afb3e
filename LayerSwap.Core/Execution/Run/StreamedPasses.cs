using LayerSwap.Buffers;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>The passes of one tensor's operation over its streamed operands.</summary>
internal sealed class StreamedPasses(BlockStreamer streamer, int worker, TensorWork.Compute work, long elements) : TensorPasses
{
    public override long ElementCount => elements;

    internal override ChunkPool Chunks => streamer.Chunks;

    public override TState Reduce<TState>(IReduction<TState> reduction, long start, long count) =>
        streamer.Reduce(worker, work.Operands, work.HasBase, new ChunkGrid(start, count, work.Operation.RowLength), reduction);

    internal override void Sample<TState>(IReduction<TState> reduction, int windows, int length, TState state)
    {
        for (int w = 0; w < windows; w++)
        {
            long start = (elements - length) / (windows - 1) * w;
            streamer.Observe(worker, work.Operands, work.HasBase, start, length, work.Operation.RowLength, reduction, state);
        }
    }
}
