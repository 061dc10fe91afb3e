using LayerSwap.Streaming;

namespace LayerSwap.Tests.Streaming;

public sealed class WorkerPoolTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 50)]
    [InlineData(2, 1)]
    [InlineData(2, 50)]
    [InlineData(8, 3)]
    [InlineData(8, 500)]
    public void Every_job_runs_once(int workers, int jobs)
    {
        int[] done = new int[jobs];
        new WorkerPool(workers, CancellationToken.None).Run(jobs, (worker, job) =>
        {
            Assert.InRange(worker, 0, workers - 1);
            Interlocked.Increment(ref done[job]);
        });
        Assert.All(done, d => Assert.Equal(1, d));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void Every_item_of_every_batch_runs_once_and_before_its_job_goes_on(int workers)
    {
        const int Jobs = 20, Items = 7, Parts = 5;
        int[] done = new int[Jobs * Items * Parts];
        WorkerPool pool = new(workers, CancellationToken.None);
        pool.Run(Jobs, (worker, job) =>
        {
            pool.Split(worker, Items, (w, item) =>
            {
                pool.Split(w, Parts, (_, part) => Interlocked.Increment(ref done[(((job * Items) + item) * Parts) + part]));
                Assert.All(Enumerable.Range(0, Parts), g => Assert.Equal(1, Volatile.Read(ref done[(((job * Items) + item) * Parts) + g])));
            });
            Assert.All(Enumerable.Range(0, Items * Parts), i => Assert.Equal(1, Volatile.Read(ref done[(job * Items * Parts) + i])));
            pool.Split(worker, 0, (_, _) => Assert.Fail("There is no item."));
        });
        Assert.All(done, d => Assert.Equal(1, d));
    }

    [Fact]
    public void Workers_that_run_at_once_have_different_numbers()
    {
        int[] busy = new int[4];
        WorkerPool pool = new(4, CancellationToken.None);
        pool.Run(8, (worker, _) => pool.Split(worker, 100, (w, _) =>
        {
            Assert.Equal(1, Interlocked.Increment(ref busy[w]));
            Interlocked.Decrement(ref busy[w]);
        }));
    }

    [Fact]
    public void An_idle_worker_helps_with_a_batch()
    {
        using Barrier both = new(2);
        WorkerPool pool = new(2, CancellationToken.None);
        // Two items that wait for each other need two workers.
        pool.Run(1, (worker, _) => pool.Split(worker, 2, (_, _) => both.SignalAndWait()));
        Assert.Equal(1, both.CurrentPhaseNumber);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void The_first_failure_is_thrown_and_stops_the_jobs(int workers)
    {
        int started = 0;
        InvalidDataException error =
            Assert.Throws<InvalidDataException>(() => new WorkerPool(workers, CancellationToken.None).Run(1_000_000, (_, job) =>
        {
            Interlocked.Increment(ref started);
            if (job == 10)
            {
                throw new InvalidDataException("ten");
            }
        }));
        Assert.Equal("ten", error.Message);
        Assert.InRange(started, 1, 999_999);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void A_failure_in_a_batch_is_thrown_as_it_is(int workers)
    {
        WorkerPool pool = new(workers, CancellationToken.None);
        InvalidDataException error =
            Assert.Throws<InvalidDataException>(() => pool.Run(4, (worker, job) => pool.Split(worker, 100, (_, item) =>
        {
            if (job == 2 && item == 50)
            {
                throw new InvalidDataException("fifty");
            }
        })));
        Assert.Equal("fifty", error.Message);
    }

    /// <summary>The helper fails while the job's own worker has no item left: the batch is not finished.</summary>
    [Fact]
    public void A_job_stops_when_a_helper_has_failed()
    {
        for (int round = 0; round < 2000; round++)
        {
            using Barrier both = new(2);
            WorkerPool pool = new(2, CancellationToken.None);
            bool continued = false;
            Assert.Throws<InvalidDataException>(() => pool.Run(1, (owner, _) =>
            {
                pool.Split(owner, 2, (worker, _) =>
                {
                    both.SignalAndWait();
                    if (worker != owner)
                    {
                        throw new InvalidDataException("helper");
                    }
                });
                continued = true;
            }));
            Assert.False(continued);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void Cancelling_stops_the_jobs(int workers)
    {
        using CancellationTokenSource source = new();
        int started = 0;
        OperationCanceledException error =
            Assert.ThrowsAny<OperationCanceledException>(() => new WorkerPool(workers, source.Token).Run(1_000_000, (_, job) =>
        {
            Interlocked.Increment(ref started);
            if (job == 10)
            {
                source.Cancel();
            }
        }));
        Assert.Equal(source.Token, error.CancellationToken);
        Assert.InRange(started, 1, 999_999);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Cancelling_in_a_batch_stops_its_job(int workers)
    {
        using CancellationTokenSource source = new();
        WorkerPool pool = new(workers, source.Token);
        bool continued = false;
        Assert.ThrowsAny<OperationCanceledException>(() => pool.Run(1, (worker, _) =>
        {
            pool.Split(worker, 1000, (_, item) =>
            {
                if (item == 3)
                {
                    source.Cancel();
                }
            });
            continued = true;
        }));
        Assert.False(continued);
    }

    [Fact]
    public void Nothing_starts_after_cancellation()
    {
        WorkerPool pool = new(4, new CancellationToken(canceled: true));
        Assert.ThrowsAny<OperationCanceledException>(() => pool.Run(10, (_, _) => Assert.Fail("Nothing may start.")));
    }

    [Fact]
    public void Cancelling_wakes_idle_workers()
    {
        using CancellationTokenSource source = new();
        // Seven of eight workers wait, until the cancellation or the end of the job wakes them.
        Assert.ThrowsAny<OperationCanceledException>(() => new WorkerPool(8, source.Token).Run(1, (_, _) => source.Cancel()));
    }
}
