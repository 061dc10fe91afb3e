using System.Runtime.InteropServices;
using LayerSwap.Buffers;
using LayerSwap.Numerics;

namespace LayerSwap.Streaming;

/// <summary>Streams aligned tensors block by block over a crew, one scratch a worker. Serves merges, their passes, and the analysis.</summary>
internal sealed class BlockStreamer
{
    private readonly WorkerBuffers[] _scratch;

    public BlockStreamer(WorkerPool crew)
    {
        Crew = crew;
        _scratch = [.. Enumerable.Range(0, crew.Workers).Select(_ => new WorkerBuffers())];
    }

    public WorkerPool Crew { get; }

    /// <summary>What passes hold of tensors lies in its arrays.</summary>
    public ChunkPool Chunks { get; } = new();

    public WorkerBuffers ScratchOf(int worker) => _scratch[worker];

    /// <summary>Whether these must be computed in doubles: where one of them is F64.</summary>
    public static bool NeedsDoubles(IReadOnlyList<Operand> operands, DType output = DType.Float32)
    {
        bool doubles = output == DType.Float64;
        for (int k = 0; k < operands.Count; k++)
        {
            doubles |= operands[k].DType == DType.Float64;
        }

        return doubles;
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

    /// <summary>Folds all blocks of the operands into one state; the same for any number of workers. Bytes read are told to <paramref name="read"/>.</summary>
    public TState Reduce<TState>(int worker, IReadOnlyList<Operand> operands, bool hasBase, ChunkGrid grid, IReduction<TState> reduction, Action<long>? read = null)
        where TState : class
    {
        OrderedFold<TState> fold = new(reduction);
        Crew.Split(worker, grid.Count, (w, section) =>
        {
            TState state = fold.Empty();
            (long start, long length) = grid[section];
            Observe(w, operands, hasBase, start, length, grid.Unit, reduction, state, read);
            fold.Add(section, state);
        });
        return fold.Total;
    }

    /// <summary>Observes a part of the operands, block by block.</summary>
    public void Observe<TState>(int worker, IReadOnlyList<Operand> operands, bool hasBase, long start, long length, long unit, IReduction<TState> reduction, TState state, Action<long>? read = null)
        where TState : class
    {
        bool doubles = NeedsDoubles(operands);
        int block = ChunkSizes.ReadBlock(operands, unit), step = ChunkSizes.ObserveBlockOf(unit);
        for (long done = 0; done < length; done += block)
        {
            int count = (int)Math.Min(block, length - done);
            ReadOnlySpan<byte> raw = _scratch[worker].Read(operands, start + done, count);
            if (doubles)
            {
                Observe<TState, double>(_scratch[worker], operands, hasBase, raw, start + done, count, step, reduction, state);
            }
            else
            {
                Observe<TState, float>(_scratch[worker], operands, hasBase, raw, start + done, count, step, reduction, state);
            }

            read?.Invoke(raw.Length);
        }
    }

    private static void Observe<TState, T>(WorkerBuffers buffers, IReadOnlyList<Operand> operands, bool hasBase, ReadOnlySpan<byte> raw, long first, int length, int block, IReduction<TState> reduction, TState state)
        where TState : class
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        bool allBFloat16 = AllAre(operands, DType.BFloat16);
        for (int done = 0; done < length; done += block)
        {
            int count = Math.Min(block, length - done);
            if (!allBFloat16 || !reduction.TryObserve(new OperandBlock<BFloat16>(first + done, MemoryMarshal.Cast<byte, BFloat16>(raw)[done..], count, length, hasBase, []), state))
            {
                reduction.Observe(new OperandBlock<T>(first + done, buffers.Decode<T>(operands, raw, length, done, count, out _), count, count, hasBase, []), state);
            }
        }
    }

    /// <summary>Combines states in the order of their sections, whatever the order they come in.</summary>
    private sealed class OrderedFold<TState>(IReduction<TState> reduction)
        where TState : class
    {
        private readonly PriorityQueue<TState, long> _early = new();
        private readonly Stack<TState> _spare = new();
        private long _next;

        public TState Total { get; } = reduction.Create();

        public TState Empty()
        {
            lock (_early)
            {
                return _spare.TryPop(out TState? state) ? state : reduction.Create();
            }
        }

        public void Add(long section, TState state)
        {
            lock (_early)
            {
                _early.Enqueue(state, section);
                while (_early.TryPeek(out _, out long first) && first == _next)
                {
                    TState next = _early.Dequeue();
                    reduction.Combine(Total, next);
                    _next++;
                    if (reduction.Clear(next))
                    {
                        _spare.Push(next);
                    }
                }
            }
        }
    }
}
