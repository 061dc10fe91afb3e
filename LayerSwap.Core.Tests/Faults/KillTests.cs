using System.Diagnostics;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>The tool, killed at random moments from outside. LAYERSWAP_KILLS=N kills more or less often, LAYERSWAP_SEED=N elsewhere.</summary>
public sealed class KillTests
{
    [NeedsFact]
    public void Killed_two_hundred_times_at_random_moments_and_resumed_the_bytes_are_those_of_an_undisturbed_run()
    {
        using LongWork work = new(3.MB(), 24);
        int wanted = int.Parse(Environment.GetEnvironmentVariable("LAYERSWAP_KILLS") ?? "200", System.Globalization.CultureInfo.InvariantCulture);
        Random random = new(int.Parse(Environment.GetEnvironmentVariable("LAYERSWAP_SEED") ?? "20241001", System.Globalization.CultureInfo.InvariantCulture));
        Directory.CreateDirectory(work["undisturbed"]);
        string[] inputs = [.. Folders.Snapshot(work.Base), .. Folders.Snapshot(work.Expert)];
        Stopwatch watch = Stopwatch.StartNew();
        Tool.Succeed(work.Arguments(work["undisturbed", "out"]));
        TimeSpan whole = watch.Elapsed;
        int kills = 0, resumed = 0;
        for (int round = 0; kills < wanted; round++)
        {
            // On every other one an old output is to be replaced.
            bool replaces = round % 2 == 1;
            string place = work[$"{round}"], output = Path.Combine(place, "out");
            Directory.CreateDirectory(replaces ? output : place);
            if (replaces)
            {
                File.WriteAllText(Path.Combine(output, "old.txt"), "old");
            }

            string[] more = replaces ? ["--overwrite", "--resume"] : ["--resume"];
            bool done = false;
            while (!done && kills < wanted)
            {
                watch.Restart();
                using ToolProcess process = Tool.StartUnder([], work.Arguments(output, more));
                done = process.EndsWithin(whole * random.NextDouble());
                if (!done)
                {
                    process.Kill();
                    kills++;
                    resumed += Directory.Exists(LongWork.Staging(output)) ? 1 : 0;
                    RequireOldOrNew(output, replaces, work);
                }
                else
                {
                    // The machine may be less busy than it was, or the work half done: the next is struck earlier, or nothing would be.
                    whole = whole < watch.Elapsed ? whole : watch.Elapsed;
                    ToolRun run = process.WaitForEnd();
                    Assert.True(run.Exit == 0, run.ToString());
                }
            }

            ToolRun end = Tool.Run(work.Arguments(output, more));
            Assert.True(end.Exit == 0, $"round {round}, {kills} kills: {end}");
            Assert.True(Folders.Names(place) is ["out"], $"round {round}: {string.Join(", ", Folders.Names(place))}");
            Assert.True(Contents(work["undisturbed", "out"]).SequenceEqual(Contents(output), StringComparer.Ordinal), $"round {round}: the bytes differ");
            Directory.Delete(place, recursive: true);
        }

        Assert.True(inputs.SequenceEqual([.. Folders.Snapshot(work.Base), .. Folders.Snapshot(work.Expert)], StringComparer.Ordinal), "An input changed.");
        // How many moments fall within the writing depends on the machine; that some do must hold.
        Assert.True(resumed >= wanted / 20, $"Only {resumed} of {kills} kills left something to be resumed.");
    }

    private static void RequireOldOrNew(string output, bool replaces, LongWork work)
    {
        bool old = replaces ? Directory.Exists(output) && Folders.Names(output) is ["old.txt"] : !Directory.Exists(output);
        Assert.True(old || Contents(work["undisturbed", "out"]).SequenceEqual(Contents(output), StringComparer.Ordinal), $"{output} is neither old nor new.");
    }

    private static string[] Contents(string folder) =>
        [.. Folders.Names(folder).Select(n => $"{n} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, n))))}")];
}
