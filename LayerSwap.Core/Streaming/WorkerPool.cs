using System.Runtime.ExceptionServices;

namespace LayerSwap.Streaming;

/// <summary>
/// Runs jobs on a fixed number of workers. A job can split work into a batch of items; idle workers join the oldest batch first. One huge
/// tensor and ten thousand small ones both keep every core busy, and at most one job per worker is in progress.
/// </summary>
internal sealed class WorkerPool(int workers, CancellationToken cancellation)
{
    private readonly object _gate = new();
    private readonly List<WorkBatch> _batches = [];
    private ExceptionDispatchInfo? _failure;
    private long _nextJob;
    private long _openJobs;

    public int Workers => workers;

    /// <summary>Runs all jobs and waits for them. Rethrows the first failure after all workers have stopped.</summary>
    public void Run(long jobs, Action<int, long> job)
    {
        _openJobs = jobs;
        using CancellationTokenRegistration registration = cancellation.Register(WakeAll);
        Thread[] threads = [.. Enumerable.Range(1, workers - 1)
            .Select(w => new Thread(() => RunJobs(w, jobs, job)) { IsBackground = true, Name = $"LayerSwap {w}" })];
        Array.ForEach(threads, t => t.Start());
        RunJobs(0, jobs, job);
        Array.ForEach(threads, t => t.Join());
        _failure?.Throw();
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Runs <paramref name="count"/> items within a job, with the help of idle workers, and waits for them.</summary>
    public void Split(int worker, long count, Action<int, long> item)
    {
        WorkBatch batch = new(count, item);
        if (count > 1 && workers > 1)
        {
            lock (_gate)
            {
                _batches.Add(batch);
                Monitor.PulseAll(_gate);
            }
        }

        try
        {
            RunItems(worker, batch);
        }
        finally
        {
            lock (_gate)
            {
                _batches.Remove(batch);
            }

            batch.Leave();
            batch.Finished.Wait(CancellationToken.None);
        }

        ThrowIfStopped();
    }

    private void RunJobs(int worker, long jobs, Action<int, long> job)
    {
        try
        {
            while (!Stopped)
            {
                if (JoinBatch() is { } batch)
                {
                    try
                    {
                        RunItems(worker, batch);
                    }
                    finally
                    {
                        batch.Leave();
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
                    WaitForWork();
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

    private void RunItems(int worker, WorkBatch batch)
    {
        try
        {
            while (!Stopped && batch.TryClaim(out long item))
            {
                batch.Item(worker, item);
            }
        }
        catch (Exception e)
        {
            // Record the failure before leaving the batch: after the last worker leaves, its job continues.
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

    private WorkBatch? JoinBatch()
    {
        lock (_gate)
        {
            WorkBatch? batch = _batches.Find(b => b.HasMore);
            batch?.Join();
            return batch;
        }
    }

    /// <summary>Waits until a batch has items, the last job is done, or the pool is stopped.</summary>
    private void WaitForWork()
    {
        lock (_gate)
        {
            while (!Stopped && Volatile.Read(ref _openJobs) > 0 && !_batches.Exists(b => b.HasMore))
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

    /// <summary>The items of one job. Workers that have joined claim them one at a time.</summary>
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
