using System.Diagnostics;

namespace LayerSwap.Streaming;

/// <summary>Counts bytes from any thread and reports progress about ten times a second. Progress never decreases.</summary>
internal sealed class ProgressMeter(IProgress<WorkProgress>? progress, long total)
{
    private static readonly long ReportInterval = Stopwatch.Frequency / 10;

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Lock _gate = new();
    private long _done;
    private long _lastReport = Stopwatch.GetTimestamp();

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    public void Add(long bytes)
    {
        Interlocked.Add(ref _done, bytes);
        long last = Volatile.Read(ref _lastReport), now = Stopwatch.GetTimestamp();
        if (progress is not null && now - last >= ReportInterval && Interlocked.CompareExchange(ref _lastReport, now, last) == last)
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

    private void Report(IProgress<WorkProgress> receiver)
    {
        lock (_gate)
        {
            long done = Math.Min(Volatile.Read(ref _done), total);
            receiver.Report(new WorkProgress { BytesDone = done, BytesTotal = total, Elapsed = Elapsed });
        }
    }
}
