using System.Diagnostics;
using System.Text;

namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>A fault of a reader, with the first input that causes it.</summary>
internal sealed record FuzzFinding(string Target, string Kind, long Iteration, byte[] Input, string Detail)
{
    public int Times { get; set; } = 1;
}

/// <summary>Feeds mutated inputs to one target, and records the outcome of each.</summary>
internal sealed class FuzzRun
{
    public static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(1);
    public const long MaxMemory = 256L << 20;

    private readonly FuzzTarget _target;
    private readonly Mutator _mutator;
    private readonly int _seed;
    private readonly Dictionary<string, FuzzFinding> _findings = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _outcomes = new(StringComparer.Ordinal);
    private long _iteration, _started;

    public FuzzRun(FuzzTarget target, string corpus, int seed)
    {
        _target = target;
        _seed = seed;
        IReadOnlyList<byte[]> entries = FuzzCorpus.Of(target, corpus);
        CorpusSize = entries.Count;
        _mutator = new Mutator(entries);
    }

    public int CorpusSize { get; }

    public FuzzTarget Target => _target;

    public IReadOnlyCollection<FuzzFinding> Findings => _findings.Values;

    /// <summary>The number of inputs by outcome.</summary>
    public IReadOnlyDictionary<string, long> Outcomes => _outcomes;

    public long Count { get; private set; }

    public TimeSpan Elapsed { get; private set; }

    /// <summary>The number of the current input. Other threads may read it.</summary>
    public long Iteration => Interlocked.Read(ref _iteration);

    /// <summary>The time spent on the current input. Other threads may read it.</summary>
    public TimeSpan InputTime =>
        Interlocked.Read(ref _started) is > 0 and long started ? Stopwatch.GetElapsedTime(started) : TimeSpan.Zero;

    public byte[] CreateInput(long iteration) => _mutator.Mutate(_seed, iteration);

    /// <summary>Runs on a thread with a small stack, as applications may have.</summary>
    /// <param name="first">The number of the first input.</param>
    /// <param name="count">The maximum number of inputs.</param>
    /// <param name="time">The maximum time.</param>
    /// <param name="starting">Receives the number of each input before it is read, which may crash the process.</param>
    public void Run(long first, long count, TimeSpan time, Action<long>? starting = null)
    {
        Thread thread = new(() => Loop(first, count, time, starting), maxStackSize: 1 << 20);
        thread.Start();
        thread.Join();
    }

    private void Loop(long first, long count, TimeSpan time, Action<long>? starting)
    {
        long started = Stopwatch.GetTimestamp();
        for (long i = first; i - first < count && Stopwatch.GetElapsedTime(started) < time; i++)
        {
            Interlocked.Exchange(ref _iteration, i);
            starting?.Invoke(i);
            byte[] input = CreateInput(i);
            string outcome = Test(input, i);
            _outcomes[outcome] = _outcomes.GetValueOrDefault(outcome) + 1;
            Count++;
        }

        Elapsed += Stopwatch.GetElapsedTime(started);
    }

    private string Test(byte[] input, long iteration)
    {
        (string outcome, Exception? fault, long memory, TimeSpan time) = Read(input);
        if (fault is not null)
        {
            Note(fault.GetType().Name + " at " + Place(fault), iteration, input, fault.ToString());
        }

        if (memory > MaxMemory)
        {
            Note($"{RoundedMegabytes(memory)} MB allocated", iteration, input, outcome);
        }

        // Repeat, so that a slow machine does not look like a slow reader.
        for (int again = 0; again < 2 && time > MaxTime; again++)
        {
            TimeSpan repeated = Read(input).Time;
            time = repeated < time ? repeated : time;
        }

        if (time > MaxTime)
        {
            Note("over a second", iteration, input, outcome);
        }

        return outcome;
    }

    private (string Outcome, Exception? Fault, long Memory, TimeSpan Time) Read(byte[] input)
    {
        long memory = GC.GetAllocatedBytesForCurrentThread(), started = Stopwatch.GetTimestamp();
        Interlocked.Exchange(ref _started, started);
        string outcome = "accepted";
        Exception? fault = null;
        try
        {
            _target.Read(input);
        }
        catch (LayerSwapException e)
        {
            outcome = e.GetType().Name;
        }
        catch (Exception e)
        {
            outcome = e.GetType().Name + " (!)";
            fault = e;
        }

        TimeSpan time = Stopwatch.GetElapsedTime(started);
        Interlocked.Exchange(ref _started, 0);
        return (outcome, fault, GC.GetAllocatedBytesForCurrentThread() - memory, time);
    }

    private void Note(string kind, long iteration, byte[] input, string detail)
    {
        if (_findings.TryGetValue(kind, out FuzzFinding? known))
        {
            known.Times++;
        }
        else
        {
            _findings.Add(kind, new FuzzFinding(_target.Name, kind, iteration, input, detail));
        }
    }

    /// <summary>Rounds down to a power of two megabytes, so that similar amounts are one finding.</summary>
    private static long RoundedMegabytes(long memory) => 1L << (int)Math.Log2(memory >> 20);

    private static string Place(Exception e)
    {
        StackFrame[] frames = new StackTrace(e).GetFrames();
        StackFrame? library = frames.FirstOrDefault(f =>
            f.GetMethod()?.DeclaringType?.FullName?.StartsWith("LayerSwap.", StringComparison.Ordinal) == true);
        StringBuilder place = new();
        foreach (StackFrame frame in new[] { frames.FirstOrDefault(), library }.OfType<StackFrame>().Distinct())
        {
            place.Append(place.Length > 0 ? " from " : "")
                .Append(frame.GetMethod()?.DeclaringType?.Name)
                .Append('.')
                .Append(frame.GetMethod()?.Name);
        }

        return place.ToString();
    }
}
