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

    /// <summary>Adds a later section's state to that of all sections before it.</summary>
    void Combine(TState into, TState from);
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

    public Scratch ScratchOf(int worker) => _scratch[worker];

    /// <summary>Whether these must be computed in doubles: where one of them is F64.</summary>
    public static bool NeedsDoubles(IEnumerable<Operand> operands, DType output = DType.Float32) =>
        output == DType.Float64 || operands.Any(o => o.DType == DType.Float64);

    /// <summary>Folds all blocks of the operands into one state; the same for any number of workers. Bytes read are told to <paramref name="read"/>.</summary>
    public TState Reduce<TState>(int worker, IReadOnlyList<Operand> operands, SectionGrid grid, IRowsReduction<TState> reduction, Action<long>? read = null)
        where TState : class
    {
        bool doubles = NeedsDoubles(operands);
        OrderedFold<TState> fold = new(reduction);
        int block = Sections.ReadBlock(operands, grid.Unit), step = Sections.ObserveBlockOf(grid.Unit);
        Crew.Split(worker, grid.Count, (w, section) =>
        {
            TState state = reduction.Create();
            (long first, long length) = grid[section];
            for (long done = 0; done < length; done += block)
            {
                int count = (int)Math.Min(block, length - done);
                ReadOnlySpan<byte> raw = _scratch[w].Read(operands, first + done, count);
                if (doubles)
                {
                    Observe<TState, double>(_scratch[w], operands, raw, first + done, count, step, reduction, state);
                }
                else
                {
                    Observe<TState, float>(_scratch[w], operands, raw, first + done, count, step, reduction, state);
                }

                read?.Invoke(raw.Length);
            }

            fold.Add(section, state);
        });
        return fold.Total;
    }

    private static void Observe<TState, T>(Scratch scratch, IReadOnlyList<Operand> operands, ReadOnlySpan<byte> raw, long first, int length, int block, IRowsReduction<TState> reduction, TState state)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        for (int done = 0; done < length; done += block)
        {
            int count = Math.Min(block, length - done);
            reduction.Observe(scratch.Decode<T>(operands, raw, length, done, count, out _), first + done, scratch.Result<T>(count), state);
        }
    }

    /// <summary>Combines states in the order of their sections, whatever the order they come in.</summary>
    private sealed class OrderedFold<TState>(IRowsReduction<TState> reduction)
        where TState : class
    {
        private readonly Dictionary<long, TState> _early = [];
        private long _next;

        public TState Total { get; } = reduction.Create();

        public void Add(long section, TState state)
        {
            lock (_early)
            {
                _early.Add(section, state);
                while (_early.Remove(_next, out TState? next))
                {
                    reduction.Combine(Total, next);
                    _next++;
                }
            }
        }
    }
}
