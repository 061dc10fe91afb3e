using LayerSwap.Streaming;

namespace LayerSwap.Tests.Streaming;

public class WorkerPoolTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 50)]
    [InlineData(2, 1)]
    [InlineData(2, 50)]
    [InlineData(8, 3)]
    [InlineData(8, 500)]
    public void Every_job_is_done_once(int workers, int jobs)
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
    public void Every_item_of_every_part_is_done_once_and_before_its_job_goes_on(int workers)
    {
        const int Jobs = 20, Items = 7, Grains = 5;
        int[] done = new int[Jobs * Items * Grains];
        WorkerPool crew = new(workers, CancellationToken.None);
        crew.Run(Jobs, (worker, job) =>
        {
            crew.Split(worker, Items, (w, item) =>
            {
                crew.Split(w, Grains, (_, grain) => Interlocked.Increment(ref done[(((job * Items) + item) * Grains) + grain]));
                Assert.All(Enumerable.Range(0, Grains), g => Assert.Equal(1, Volatile.Read(ref done[(((job * Items) + item) * Grains) + g])));
            });
            Assert.All(Enumerable.Range(0, Items * Grains), i => Assert.Equal(1, Volatile.Read(ref done[(job * Items * Grains) + i])));
            crew.Split(worker, 0, (_, _) => Assert.Fail("There is no item."));
        });
        Assert.All(done, d => Assert.Equal(1, d));
    }

    [Fact]
    public void Two_workers_never_are_the_same_worker()
    {
        int[] busy = new int[4];
        WorkerPool crew = new(4, CancellationToken.None);
        crew.Run(8, (worker, _) => crew.Split(worker, 100, (w, _) =>
        {
            Assert.Equal(1, Interlocked.Increment(ref busy[w]));
            Interlocked.Decrement(ref busy[w]);
        }));
    }

    [Fact]
    public void An_idle_worker_helps_with_a_part()
    {
        using Barrier both = new(2);
        WorkerPool crew = new(2, CancellationToken.None);
        // Two items that wait for each other are done only when two workers work on them.
        crew.Run(1, (worker, _) => crew.Split(worker, 2, (_, _) => both.SignalAndWait()));
        Assert.Equal(1, both.CurrentPhaseNumber);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void The_first_failure_is_thrown_and_no_more_jobs_are_begun(int workers)
    {
        int begun = 0;
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => new WorkerPool(workers, CancellationToken.None).Run(1_000_000, (_, job) =>
        {
            Interlocked.Increment(ref begun);
            if (job == 10)
            {
                throw new InvalidDataException("ten");
            }
        }));
        Assert.Equal("ten", error.Message);
        Assert.InRange(begun, 1, 999_999);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void A_failure_within_a_part_is_thrown_as_it_is(int workers)
    {
        WorkerPool crew = new(workers, CancellationToken.None);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => crew.Run(4, (worker, job) => crew.Split(worker, 100, (_, item) =>
        {
            if (job == 2 && item == 50)
            {
                throw new InvalidDataException("fifty");
            }
        })));
        Assert.Equal("fifty", error.Message);
    }

    /// <summary>The helper fails in its item while the job's own worker has none left: the job must not take the part for done.</summary>
    [Fact]
    public void A_job_does_not_go_on_when_a_helper_has_failed()
    {
        for (int round = 0; round < 2000; round++)
        {
            using Barrier both = new(2);
            WorkerPool crew = new(2, CancellationToken.None);
            bool wentOn = false;
            Assert.Throws<InvalidDataException>(() => crew.Run(1, (owner, _) =>
            {
                crew.Split(owner, 2, (worker, _) =>
                {
                    both.SignalAndWait();
                    if (worker != owner)
                    {
                        throw new InvalidDataException("helper");
                    }
                });
                wentOn = true;
            }));
            Assert.False(wentOn);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void Cancelling_stops_the_jobs(int workers)
    {
        using CancellationTokenSource source = new();
        int begun = 0;
        OperationCanceledException error = Assert.ThrowsAny<OperationCanceledException>(() => new WorkerPool(workers, source.Token).Run(1_000_000, (_, job) =>
        {
            Interlocked.Increment(ref begun);
            if (job == 10)
            {
                source.Cancel();
            }
        }));
        Assert.Equal(source.Token, error.CancellationToken);
        Assert.InRange(begun, 1, 999_999);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Cancelling_within_a_part_stops_its_job(int workers)
    {
        using CancellationTokenSource source = new();
        WorkerPool crew = new(workers, source.Token);
        bool wentOn = false;
        Assert.ThrowsAny<OperationCanceledException>(() => crew.Run(1, (worker, _) =>
        {
            crew.Split(worker, 1000, (_, item) =>
            {
                if (item == 3)
                {
                    source.Cancel();
                }
            });
            wentOn = true;
        }));
        Assert.False(wentOn);
    }

    [Fact]
    public void Nothing_is_begun_when_cancelled_before()
    {
        WorkerPool crew = new(4, new CancellationToken(canceled: true));
        Assert.ThrowsAny<OperationCanceledException>(() => crew.Run(10, (_, _) => Assert.Fail("Nothing may begin.")));
    }

    [Fact]
    public void Cancelling_wakes_workers_that_wait()
    {
        using CancellationTokenSource source = new();
        // One job, eight workers: seven wait, and are woken by the cancellation or the job's end.
        Assert.ThrowsAny<OperationCanceledException>(() => new WorkerPool(8, source.Token).Run(1, (_, _) => source.Cancel()));
    }
}
