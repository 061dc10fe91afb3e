using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Streaming;

/// <summary>Observes blocks of aligned rows into a state; states of sections are combined in order.</summary>
internal interface IRowsReduction<TState>
{
    TState Create();

    /// <param name="rows">The operands' elements.</param>
    /// <param name="start">The index of the first element.</param>
    /// <param name="spare">Room for one row.</param>
    /// <param name="state">What is added to.</param>
    void Observe<T>(in Rows<T> rows, long start, Span<T> spare, TState state)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>;

    /// <summary>Observes elements of BF16 as they lie, if it can; false where they have to be widened.</summary>
    /// <param name="rows">The operands' elements.</param>
    /// <param name="start">The index of the first element.</param>
    /// <param name="state">What is added to.</param>
    bool TryObserve(in Rows<BFloat16> rows, long start, TState state) => false;

    /// <summary>Adds a later section's state to that of all sections before it.</summary>
    void Combine(TState into, TState from);

    /// <summary>Empties a state that has been added to another; false where a new one is as cheap.</summary>
    bool Clear(TState state) => false;
}

/// <summary>Streams aligned tensors block by block over a crew, one scratch a worker. Serves merges, their passes, and the analysis.</summary>
internal sealed class Pump
{
    private readonly Scratch[] _scratch;

    public Pump(Crew crew)
    {
        Crew = crew;
        _scratch = [.. Enumerable.Range(0, crew.Workers).Select(_ => new Scratch())];
    }

    public Crew Crew { get; }

    /// <summary>What passes hold of tensors lies in its arrays.</summary>
    public ChunkPool Chunks { get; } = new();

    public Scratch ScratchOf(int worker) => _scratch[worker];

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
    public TState Reduce<TState>(int worker, IReadOnlyList<Operand> operands, SectionGrid grid, IRowsReduction<TState> reduction, Action<long>? read = null)
        where TState : class
    {
        OrderedFold<TState> fold = new(reduction);
        Crew.Split(worker, grid.Count, (w, section) =>
        {
            TState state = fold.Empty();
            (long start, long length) = grid[section];
            Observe(w, operands, start, length, grid.Unit, reduction, state, read);
            fold.Add(section, state);
        });
        return fold.Total;
    }

    /// <summary>Observes a part of the operands, block by block.</summary>
    public void Observe<TState>(int worker, IReadOnlyList<Operand> operands, long start, long length, long unit, IRowsReduction<TState> reduction, TState state, Action<long>? read = null)
    {
        bool doubles = NeedsDoubles(operands);
        int block = Sections.ReadBlock(operands, unit), step = Sections.ObserveBlockOf(unit);
        for (long done = 0; done < length; done += block)
        {
            int count = (int)Math.Min(block, length - done);
            ReadOnlySpan<byte> raw = _scratch[worker].Read(operands, start + done, count);
            if (doubles)
            {
                Observe<TState, double>(_scratch[worker], operands, raw, start + done, count, step, reduction, state);
            }
            else
            {
                Observe<TState, float>(_scratch[worker], operands, raw, start + done, count, step, reduction, state);
            }

            read?.Invoke(raw.Length);
        }
    }

    private static void Observe<TState, T>(Scratch scratch, IReadOnlyList<Operand> operands, ReadOnlySpan<byte> raw, long first, int length, int block, IRowsReduction<TState> reduction, TState state)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        bool lying = AllAre(operands, DType.BFloat16);
        for (int done = 0; done < length; done += block)
        {
            int count = Math.Min(block, length - done);
            if (lying && reduction.TryObserve(new Rows<BFloat16>(MemoryMarshal.Cast<byte, BFloat16>(raw)[done..], count, length), first + done, state))
            {
                continue;
            }

            reduction.Observe(scratch.Decode<T>(operands, raw, length, done, count, out _), first + done, scratch.Result<T>(count), state);
        }
    }

    /// <summary>Combines states in the order of their sections, whatever the order they come in.</summary>
    private sealed class OrderedFold<TState>(IRowsReduction<TState> reduction)
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
