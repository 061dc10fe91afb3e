using LayerSwap.Tests.Faults;

namespace LayerSwap.Tests.Samples;

/// <summary>Tests the cluster used by the samples: jobs run, wait for dependencies, and end with it.</summary>
public sealed class SlurmTests
{
    [NeedsFact(Needs.Slurm)]
    public async Task A_job_runs_after_the_tasks_that_it_depends_on_and_not_after_a_failed_one()
    {
        using TempFolder temp = new();
        using Slurm slurm = new();
        string done = await slurm.SbatchAsync("--array=0-2", $"--output={temp["%A_%a.out"]}",
            "--wrap", $"echo part > '{temp.Path}'/part-$SLURM_ARRAY_TASK_ID");
        string afterDone = await slurm.SbatchAsync($"--dependency=afterok:{done}",
            $"--output={temp["after-done"]}", "--wrap", $"cd '{temp.Path}' && ls part-*");
        string failed = await slurm.SbatchAsync("--array=0-2", $"--output={temp["%A_%a.out"]}", "--wrap", "test $SLURM_ARRAY_TASK_ID != 1");
        string afterFailed = await slurm.SbatchAsync($"--dependency=afterok:{failed}",
            $"--output={temp["after-failed"]}", "--wrap", "true");

        string[] states = await slurm.FinishAsync(done, afterDone, failed, afterFailed);

        Assert.Equal(
            [$"{done}_0 COMPLETED", $"{done}_1 COMPLETED", $"{done}_2 COMPLETED", $"{afterDone} COMPLETED",
                $"{failed}_0 COMPLETED", $"{failed}_1 FAILED", $"{failed}_2 COMPLETED", $"{afterFailed} CANCELLED"],
            states);
        Assert.Equal("part-0\npart-1\npart-2\n", File.ReadAllText(temp["after-done"]));
        Assert.False(File.Exists(temp["after-failed"]));
    }

    [NeedsFact(Needs.Slurm)]
    public async Task No_job_outlives_the_cluster()
    {
        using TempFolder temp = new();
        Outside.Run("mkfifo", temp["pipe"]);
        StreamReader pipe;
        using (Slurm slurm = new())
        {
            await slurm.SbatchAsync("--output=/dev/null", "--wrap", $"exec > '{temp["pipe"]}'; echo running; sleep infinity");
            pipe = new StreamReader(await Task.Run(() => File.OpenRead(temp["pipe"])).WaitAsync(TimeSpan.FromMinutes(1)));
            Assert.Equal("running", await pipe.ReadLineAsync());
        }

        using (pipe)
        {
            Assert.Equal("", await pipe.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(1)));
        }
    }
}
