using System.Globalization;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>Output bytes do not depend on the environment, and memory stays under the estimate.</summary>
public sealed class SurroundingsTests
{
    [Fact]
    public void Bytes_depend_neither_on_threads_nor_on_culture_nor_on_the_time_zone()
    {
        using TempFolder folder = new();
        (string Threads, string Language, string Zone)[] surroundings = [
            ("1", "C", "UTC"),
            ("2", "tr_TR.UTF-8", "Asia/Kathmandu"),
            ("7", "ar_SA.UTF-8", "America/St_Johns"),
            ("16", "de_DE.UTF-8", "Pacific/Apia")];
        foreach ((string threads, string language, string zone) in surroundings)
        {
            ToolRun run = Tool.Run(
                [
                    "merge", "--method", "dare_ties", "--base", Fixture.Set1("base"), "--model", Fixture.Set1("math") + "=0.6", "--model",
                    Fixture.Set1("sahili") + "=0.4", "-p", "density=0.5", "--seed", "7", "--threads", threads, "-o",
                    folder[threads, "out"]],
                folder: null, ("LANG", language), ("LC_ALL", language), ("TZ", zone), ("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "0"));
            Assert.True(run.Exit == 0, run.ToString());
            Assert.Equal(Folders.Names(folder["1", "out"]), Folders.Names(folder[threads, "out"]));
            Assert.All(
                Folders.Names(folder["1", "out"]),
                n => Assert.Equal(File.ReadAllBytes(folder["1", "out", n]), File.ReadAllBytes(folder[threads, "out", n])));
        }
    }

    [NeedsFact]
    public void Memory_stays_under_the_estimate_of_the_plan()
    {
        using LongWork work = new(32.MB(), 20);
        ICheckpoint baseModel = Checkpoint.Open(work.Base), expert = Checkpoint.Open(work.Expert);
        MergeBuilder builder =
            Enumerable.Range(0, 20).Aggregate(Merge.Onto(baseModel).TaskArithmetic(), (b, _) => b.With(expert, 0.01)).OnThreads(1);
        long promised = builder.Plan().PeakMemoryBytes, most = 0;
        baseModel.Dispose();
        expert.Dispose();
        using ToolProcess process = work.StartWriting([], work["out"]);

        // The system keeps the highest figure itself; it is read until the process ends.
        SpinWait.SpinUntil(
            () =>
            {
                try
                {
                    most = File.ReadLines($"/proc/{process.Id}/status")
                        .Where(l => l.StartsWith("VmHWM:", StringComparison.Ordinal))
                        .Select(l => long.Parse(l[6..^2].Trim(), CultureInfo.InvariantCulture) * 1024)
                        .FirstOrDefault(most);
                }
                catch (IOException)
                {
                    // It has ended.
                }

                return process.HasExited;
            },
            TimeSpan.FromMinutes(1));

        Assert.Equal(0, process.WaitForEnd().Exit);
        Assert.InRange(most, 10.MB(), promised);
    }
}
