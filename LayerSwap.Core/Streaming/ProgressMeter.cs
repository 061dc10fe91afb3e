using System.Diagnostics;

namespace LayerSwap.Streaming;

/// <summary>Counts bytes from any thread and reports them at a bearable pace, never going backwards.</summary>
internal sealed class ProgressMeter(IProgress<WorkProgress>? progress, long total)
{
    private static readonly long Pace = Stopwatch.Frequency / 10;

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Lock _gate = new();
    private long _done;
    private long _lastReport = Stopwatch.GetTimestamp();

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    public void Add(long bytes)
    {
        Interlocked.Add(ref _done, bytes);
        long last = Volatile.Read(ref _lastReport), now = Stopwatch.GetTimestamp();
        if (progress is not null && now - last >= Pace && Interlocked.CompareExchange(ref _lastReport, now, last) == last)
        {
            Report(progress);
        }
    }

    public void Finish()
    {
        Interlocked.Exchange(ref _done, total);
        if (progress is not null)
        {
            Report(progress);
        }
    }

    private void Report(IProgress<WorkProgress> to)
    {
        lock (_gate)
        {
            to.Report(new WorkProgress { BytesDone = Math.Min(Volatile.Read(ref _done), total), BytesTotal = total, Elapsed = Elapsed });
        }
    }
}
