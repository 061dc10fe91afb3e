using System.Runtime.InteropServices;
using LayerSwap.Buffers;
using LayerSwap.Numerics;

namespace LayerSwap.Streaming;

/// <summary>Streams aligned tensors block by block through a worker pool. Used by merges, their passes, and the diff.</summary>
internal sealed class BlockStreamer
{
    private readonly WorkerBuffers[] _buffers;

    public BlockStreamer(WorkerPool pool)
    {
        Pool = pool;
        _buffers = [.. Enumerable.Range(0, pool.Workers).Select(_ => new WorkerBuffers())];
    }

    public WorkerPool Pool { get; }

    /// <summary>Arrays for data that a pass keeps about a tensor.</summary>
    public ChunkPool Chunks { get; } = new();

    public WorkerBuffers BuffersOf(int worker) => _buffers[worker];

    /// <summary>Whether to compute in float64: if the output or any operand is F64.</summary>
    public static bool NeedsFloat64(IReadOnlyList<Operand> operands, DType output = DType.Float32)
    {
        bool needsFloat64 = output == DType.Float64;
        for (int k = 0; k < operands.Count; k++)
        {
            needsFloat64 |= operands[k].DType == DType.Float64;
        }

        return needsFloat64;
    }

    public static bool AllAre(IReadOnlyList<Operand> operands, DType dtype)
    {
        bool all = true;
        for (int k = 0; k < operands.Count; k++)
        {
            all &= operands[k].DType == dtype;
        }

        return all;
    }

    /// <summary>Reduces all blocks of the operands to one state, which does not depend on the number of workers.</summary>
    /// <param name="worker">The calling worker.</param>
    /// <param name="operands">The tensors to read.</param>
    /// <param name="hasBase">Whether the first operand is the base.</param>
    /// <param name="grid">The chunks.</param>
    /// <param name="reduction">Observes blocks and combines states.</param>
    /// <param name="onRead">Receives the number of bytes of every read.</param>
    public TState Reduce<TState>(
        int worker,
        IReadOnlyList<Operand> operands,
        bool hasBase,
        ChunkGrid grid,
        IReduction<TState> reduction,
        Action<long>? onRead = null)
        where TState : class
    {
        OrderedFold<TState> fold = new(reduction);
        Pool.Split(worker, grid.Count, (w, chunk) =>
        {
            TState state = fold.TakeEmpty();
            (long start, long length) = grid[chunk];
            Observe(w, operands, hasBase, start, length, grid.RowLength, reduction, state, onRead);
            fold.Add(chunk, state);
        });
        return fold.Total;
    }

    /// <summary>Observes a range of the operands, block by block.</summary>
    public void Observe<TState>(
        int worker,
        IReadOnlyList<Operand> operands,
        bool hasBase,
        long start,
        long length,
        long rowLength,
        IReduction<TState> reduction,
        TState state,
        Action<long>? onRead = null)
        where TState : class
    {
        WorkerBuffers buffers = _buffers[worker];
        bool needsFloat64 = NeedsFloat64(operands);
        int readBlock = ChunkSizes.ReadBlockOf(operands, rowLength), block = ChunkSizes.ObserveBlockOf(rowLength);
        for (long done = 0; done < length; done += readBlock)
        {
            int count = (int)Math.Min(readBlock, length - done);
            ReadOnlySpan<byte> raw = buffers.Read(operands, start + done, count);
            if (needsFloat64)
            {
                Observe<TState, double>(buffers, operands, hasBase, raw, start + done, count, block, reduction, state);
            }
            else
            {
                Observe<TState, float>(buffers, operands, hasBase, raw, start + done, count, block, reduction, state);
            }

            onRead?.Invoke(raw.Length);
        }
    }

    private static void Observe<TState, T>(
        WorkerBuffers buffers,
        IReadOnlyList<Operand> operands,
        bool hasBase,
        ReadOnlySpan<byte> raw,
        long first,
        int length,
        int block,
        IReduction<TState> reduction,
        TState state)
        where TState : class
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        bool allBFloat16 = AllAre(operands, DType.BFloat16);
        for (int done = 0; done < length; done += block)
        {
            int count = Math.Min(block, length - done);
            if (allBFloat16)
            {
                ReadOnlySpan<BFloat16> undecoded = MemoryMarshal.Cast<byte, BFloat16>(raw)[done..];
                if (reduction.TryObserve(new OperandBlock<BFloat16>(first + done, undecoded, count, length, hasBase, []), state))
                {
                    continue;
                }
            }

            ReadOnlySpan<T> decoded = buffers.Decode<T>(operands, raw, length, done, count, out _);
            reduction.Observe(new OperandBlock<T>(first + done, decoded, count, count, hasBase, []), state);
        }
    }

    /// <summary>Combines states in chunk order, in whatever order they are added.</summary>
    private sealed class OrderedFold<TState>(IReduction<TState> reduction)
        where TState : class
    {
        private readonly PriorityQueue<TState, long> _pending = new();
        private readonly Stack<TState> _reusable = new();
        private long _next;

        public TState Total { get; } = reduction.Create();

        public TState TakeEmpty()
        {
            lock (_pending)
            {
                return _reusable.TryPop(out TState? state) ? state : reduction.Create();
            }
        }

        public void Add(long chunk, TState state)
        {
            lock (_pending)
            {
                _pending.Enqueue(state, chunk);
                while (_pending.TryPeek(out _, out long first) && first == _next)
                {
                    TState next = _pending.Dequeue();
                    reduction.Combine(Total, next);
                    _next++;
                    if (reduction.Clear(next))
                    {
                        _reusable.Push(next);
                    }
                }
            }
        }
    }
}
