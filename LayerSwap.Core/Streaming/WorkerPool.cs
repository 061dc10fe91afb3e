using System.Runtime.ExceptionServices;

namespace LayerSwap.Streaming;

/// <summary>
/// A fixed number of workers over a list of jobs. A job may split a part of itself into items; workers without a job of their own help
/// with the oldest such part first. So a model of one huge tensor and one of ten thousand small ones both keep every core busy, and no
/// more than one job a worker is ever open.
/// </summary>
internal sealed class WorkerPool(int workers, CancellationToken cancellation)
{
    private readonly object _gate = new();
    private readonly List<WorkBatch> _parts = [];
    private ExceptionDispatchInfo? _failure;
    private long _nextJob;
    private long _openJobs;

    public int Workers => workers;

    /// <summary>Works all jobs and returns when they are done; rethrows the first failure after all workers have stopped.</summary>
    public void Run(long jobs, Action<int, long> job)
    {
        _openJobs = jobs;
        using CancellationTokenRegistration registration = cancellation.Register(WakeAll);
        Thread[] others = [.. Enumerable.Range(1, workers - 1).Select(w => new Thread(() => Work(w, jobs, job)) { IsBackground = true, Name = $"LayerSwap {w}" })];
        Array.ForEach(others, t => t.Start());
        Work(0, jobs, job);
        Array.ForEach(others, t => t.Join());
        _failure?.Throw();
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Within a job: works <paramref name="count"/> items, with the help of idle workers; returns when all are done.</summary>
    public void Split(int worker, long count, Action<int, long> item)
    {
        WorkBatch part = new(count, item);
        if (count > 1 && workers > 1)
        {
            lock (_gate)
            {
                _parts.Add(part);
                Monitor.PulseAll(_gate);
            }
        }

        try
        {
            Work(worker, part);
        }
        finally
        {
            lock (_gate)
            {
                _parts.Remove(part);
            }

            part.Leave();
            part.Finished.Wait(CancellationToken.None);
        }

        ThrowIfStopped();
    }

    private void Work(int worker, long jobs, Action<int, long> job)
    {
        try
        {
            while (!Stopped)
            {
                if (JoinPart() is { } part)
                {
                    try
                    {
                        Work(worker, part);
                    }
                    finally
                    {
                        part.Leave();
                    }
                }
                else if (Interlocked.Increment(ref _nextJob) - 1 is long next && next < jobs)
                {
                    job(worker, next);
                    if (Interlocked.Decrement(ref _openJobs) == 0)
                    {
                        WakeAll();
                    }
                }
                else if (Volatile.Read(ref _openJobs) <= 0)
                {
                    return;
                }
                else
                {
                    WaitForChange();
                }
            }
        }
        catch (Exception e)
        {
            Fail(e);
        }
        finally
        {
            if (Stopped)
            {
                WakeAll();
            }
        }
    }

    private void Work(int worker, WorkBatch part)
    {
        try
        {
            while (!Stopped && part.TryClaim(out long item))
            {
                part.Item(worker, item);
            }
        }
        catch (Exception e)
        {
            // Before the part is left: once all have left it, its job would go on.
            Fail(e);
            throw;
        }
    }

    private void Fail(Exception e) => Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(e), null);

    private bool Stopped => Volatile.Read(ref _failure) is not null || cancellation.IsCancellationRequested;

    private void ThrowIfStopped()
    {
        if (Stopped)
        {
            throw new OperationCanceledException(cancellation);
        }
    }

    private WorkBatch? JoinPart()
    {
        lock (_gate)
        {
            WorkBatch? part = _parts.Find(p => p.HasMore);
            part?.Join();
            return part;
        }
    }

    /// <summary>Waits until there is a part to help with, the last job is done, or the work is stopped.</summary>
    private void WaitForChange()
    {
        lock (_gate)
        {
            while (!Stopped && Volatile.Read(ref _openJobs) > 0 && !_parts.Exists(p => p.HasMore))
            {
                Monitor.Wait(_gate);
            }
        }
    }

    private void WakeAll()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Items of one job, claimed one by one by the workers that have joined.</summary>
    private sealed class WorkBatch(long count, Action<int, long> item)
    {
        private long _next;
        private int _joined = 1;

        public Action<int, long> Item => item;

        public ManualResetEventSlim Finished { get; } = new();

        public bool HasMore => Volatile.Read(ref _next) < count;

        public bool TryClaim(out long claimed) => (claimed = Interlocked.Increment(ref _next) - 1) < count;

        public void Join() => Interlocked.Increment(ref _joined);

        public void Leave()
        {
            if (Interlocked.Decrement(ref _joined) == 0)
            {
                Finished.Set();
            }
        }
    }
}
