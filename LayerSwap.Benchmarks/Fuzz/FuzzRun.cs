using System.Diagnostics;
using System.Text;

namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>What was found at one place: the first input that shows it.</summary>
internal sealed record FuzzFinding(string Target, string Kind, long Iteration, byte[] Input, string Detail)
{
    public int Times { get; set; } = 1;
}

/// <summary>Feeds one target input after input and judges what comes of each.</summary>
internal sealed class FuzzRun
{
    public static readonly TimeSpan LongestTime = TimeSpan.FromSeconds(1);
    public const long MostMemory = 256L << 20;

    private readonly FuzzTarget _target;
    private readonly Mutator _mutator;
    private readonly int _seed;
    private readonly Dictionary<string, FuzzFinding> _findings = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _verdicts = new(StringComparer.Ordinal);
    private long _iteration, _began;

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

    /// <summary>How many inputs ended each way.</summary>
    public IReadOnlyDictionary<string, long> Verdicts => _verdicts;

    public long Count { get; private set; }

    public TimeSpan Elapsed { get; private set; }

    /// <summary>The input that is being read now.</summary>
    public long Iteration => Interlocked.Read(ref _iteration);

    /// <summary>For how long it has been; seen from another thread.</summary>
    public TimeSpan InputTime => Interlocked.Read(ref _began) is > 0 and long began ? Stopwatch.GetElapsedTime(began) : TimeSpan.Zero;

    public byte[] Input(long iteration) => _mutator.Make(_seed, iteration);

    /// <summary>Runs on a thread with the small stack that library code may be called on.</summary>
    /// <param name="first">The number of the first input.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="time">How long at most.</param>
    /// <param name="starting">Told the number of every input before it is read: a process may die of it.</param>
    public void Go(long first, long count, TimeSpan time, Action<long>? starting = null)
    {
        Thread thread = new(() => Loop(first, count, time, starting), maxStackSize: 1 << 20);
        thread.Start();
        thread.Join();
    }

    private void Loop(long first, long count, TimeSpan time, Action<long>? starting)
    {
        long began = Stopwatch.GetTimestamp();
        for (long i = first; i - first < count && Stopwatch.GetElapsedTime(began) < time; i++)
        {
            Interlocked.Exchange(ref _iteration, i);
            starting?.Invoke(i);
            byte[] input = Input(i);
            string verdict = Judge(input, i);
            _verdicts[verdict] = _verdicts.GetValueOrDefault(verdict) + 1;
            Count++;
        }

        Elapsed += Stopwatch.GetElapsedTime(began);
    }

    private string Judge(byte[] input, long iteration)
    {
        (string verdict, Exception? wrong, long memory, TimeSpan time) = Read(input);
        if (wrong is not null)
        {
            Note(wrong.GetType().Name + " at " + Place(wrong), iteration, input, wrong.ToString());
        }

        if (memory > MostMemory)
        {
            Note($"{LongestOf(memory)} MB allocated", iteration, input, verdict);
        }

        // A slow machine is not a slow reader: it counts only if it is slow every time.
        for (int again = 0; again < 2 && time > LongestTime; again++)
        {
            TimeSpan repeated = Read(input).Time;
            time = repeated < time ? repeated : time;
        }

        if (time > LongestTime)
        {
            Note("over a second", iteration, input, verdict);
        }

        return verdict;
    }

    private (string Verdict, Exception? Wrong, long Memory, TimeSpan Time) Read(byte[] input)
    {
        long memory = GC.GetAllocatedBytesForCurrentThread(), began = Stopwatch.GetTimestamp();
        Interlocked.Exchange(ref _began, began);
        string verdict = "accepted";
        Exception? wrong = null;
        try
        {
            _target.Read(input);
        }
        catch (LayerSwapException e)
        {
            verdict = e.GetType().Name;
        }
        catch (Exception e)
        {
            verdict = e.GetType().Name + " (!)";
            wrong = e;
        }

        TimeSpan time = Stopwatch.GetElapsedTime(began);
        Interlocked.Exchange(ref _began, 0);
        return (verdict, wrong, GC.GetAllocatedBytesForCurrentThread() - memory, time);
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

    /// <summary>A power of two of megabytes, so that one place is one finding.</summary>
    private static long LongestOf(long memory) => 1L << (int)Math.Log2(memory >> 20);

    private static string Place(Exception e)
    {
        StackFrame[] frames = new StackTrace(e).GetFrames();
        StackFrame? own = frames.FirstOrDefault(f => f.GetMethod()?.DeclaringType?.FullName?.StartsWith("LayerSwap.", StringComparison.Ordinal) == true);
        StringBuilder place = new();
        foreach (StackFrame frame in new[] { frames.FirstOrDefault(), own }.OfType<StackFrame>().Distinct())
        {
            place.Append(place.Length > 0 ? " from " : "").Append(frame.GetMethod()?.DeclaringType?.Name).Append('.').Append(frame.GetMethod()?.Name);
        }

        return place.ToString();
    }
}
