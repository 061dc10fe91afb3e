using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>
/// Kills the tool at random moments, 200 times in all. LAYERSWAP_KILLS=N sets the count per test, LAYERSWAP_SEED=N the random seed.
/// </summary>
public sealed class KillTests
{
    [NeedsFact]
    public void Runs_killed_at_random_and_resumed_give_the_bytes_of_an_uninterrupted_run()
    {
        using LongWork work = new(3.MB(), 24);
        int wanted = Kills(120);
        Random random = new(Seed);
        Directory.CreateDirectory(work["undisturbed"]);
        string[] inputs = [.. Folders.Snapshot(work.Base), .. Folders.Snapshot(work.Expert)];
        long whole = JournalOfUndisturbed(work);
        int kills = 0, resumed = 0;
        for (int round = 0; kills < wanted; round++)
        {
            // Every second round replaces an old output.
            bool replaces = round % 2 == 1;
            string place = work[$"{round}"], output = Path.Combine(place, "out");
            Directory.CreateDirectory(replaces ? output : place);
            if (replaces)
            {
                File.WriteAllText(Path.Combine(output, "model.safetensors"), "old");
            }

            string[] more = replaces ? ["--overwrite", "--resume"] : ["--resume"];
            bool done = false;
            while (!done && kills < wanted)
            {
                using ToolProcess process = Tool.StartUnder([], work.Arguments(output, more));
                done = EndsBeforeItsMoment(process, output, whole, random);
                if (!done)
                {
                    process.Kill();
                    kills++;
                    resumed += Directory.Exists(LongWork.Staging(output)) ? 1 : 0;
                    RequireOldOrNew(output, replaces, work);
                }
                else
                {
                    ToolRun run = process.WaitForEnd();
                    Assert.True(run.Exit == 0, run.ToString());
                }
            }

            ToolRun end = Tool.Run(work.Arguments(output, more));
            Assert.True(end.Exit == 0, $"round {round}, {kills} kills: {end}");
            Assert.True(Folders.Names(place) is ["out"], $"round {round}: {string.Join(", ", Folders.Names(place))}");
            Assert.True(
                Contents(work["undisturbed", "out"]).SequenceEqual(Contents(output), StringComparer.Ordinal),
                $"round {round}: the bytes differ");
            Directory.Delete(place, recursive: true);
        }

        Assert.True(
            inputs.SequenceEqual([.. Folders.Snapshot(work.Base), .. Folders.Snapshot(work.Expert)], StringComparer.Ordinal),
            "An input changed.");
        // Every second kill is after a journal record, unless the merge ends first.
        Assert.True(resumed >= wanted / 20, $"Only {resumed} of {kills} kills left something to be resumed.");
    }

    /// <summary>
    /// After any number of kills in any command, repeating the commands gives the output of an uninterrupted run. Until then the target is
    /// unchanged.
    /// </summary>
    [NeedsTheory]
    [InlineData("parts")]
    [InlineData("finish")]
    [InlineData("overwrite")]
    [InlineData("union")]
    public void Any_command_killed_and_repeated_gives_the_bytes_of_an_uninterrupted_run(string kind)
    {
        using LongWork work = new(1.MB(), 12);
        int wanted = Kills(20), kills = 0;
        Random random = new(Seed);
        File.WriteAllText(Path.Combine(work.Base, "tokenizer.json"), """{"model": {"vocab": {"a": 0, "b": 1}}}""");
        File.WriteAllText(
            Path.Combine(work.Expert, "tokenizer.json"),
            kind == "union" ? """{"model": {"vocab": {"b": 0, "c": 1}}}""" : """{"model": {"vocab": {"a": 0, "b": 1}}}""");
        File.WriteAllText(
            work["r.yml"],
            $"merge_method: linear\nparameters: {{weight: 1}}\nmodels: [{work.Base}, {work.Expert}]\ntokenizer: {{source: union}}\n");
        string[] Merge(string output) =>
            kind == "union"
                ? ["merge", work["r.yml"], output, "--quiet", "--shard-size", "300kB"]
                : [.. work.Arguments(output), "--shard-size", "300kB"];
        string[][] Commands(string output) => kind switch
        {
            "parts" or "finish" =>
                [[.. Merge(output), "--part", "1/2"], [.. Merge(output), "--part", "2/2"], [.. Merge(output), "--finish"]],
            "overwrite" => [[.. Merge(output), "--overwrite", "--resume"]],
            _ => [[.. Merge(output), "--resume"]],
        };
        Directory.CreateDirectory(work["undisturbed"]);
        TimeSpan longest = TimeSpan.Zero;
        foreach (string[] command in Commands(work["undisturbed", "out"]))
        {
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            Tool.Succeed(command);
            longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, System.Diagnostics.Stopwatch.GetElapsedTime(start).Ticks));
        }

        string[] inputs = [.. Folders.Snapshot(work.Base), .. Folders.Snapshot(work.Expert)];
        for (int round = 0; kills < wanted; round++)
        {
            string place = work[$"{round}"], output = Path.Combine(place, "out");
            bool replaces = kind == "overwrite";
            Directory.CreateDirectory(replaces ? output : place);
            if (replaces)
            {
                File.WriteAllText(Path.Combine(output, "model.safetensors"), "old");
            }

            foreach ((string[] command, int at) in Commands(output).Select((c, i) => (c, i)))
            {
                for (bool done = kind == "finish" && at < 2; !done;)
                {
                    using ToolProcess process = Tool.StartUnder([], command);
                    done = kills >= wanted || process.EndsWithin(longest * (0.2 + random.NextDouble()));
                    if (!done)
                    {
                        process.Kill();
                        kills++;
                        RequireOldOrNew(output, replaces, work);
                    }
                    else
                    {
                        ToolRun run = process.WaitForEnd();
                        Assert.True(run.Exit == 0, $"round {round}, {kills} kills: {run}");
                    }
                }

                if (kind == "finish" && at < 2)
                {
                    Tool.Succeed(command);
                }
            }

            Assert.True(Folders.Names(place) is ["out"], $"round {round}: {string.Join(", ", Folders.Names(place))}");
            Assert.True(
                Contents(work["undisturbed", "out"]).SequenceEqual(Contents(output), StringComparer.Ordinal),
                $"round {round}: the bytes differ");
            Directory.Delete(place, recursive: true);
        }

        Assert.True(
            inputs.SequenceEqual([.. Folders.Snapshot(work.Base), .. Folders.Snapshot(work.Expert)], StringComparer.Ordinal),
            "An input changed.");
    }

    private static int Seed =>
        int.Parse(Environment.GetEnvironmentVariable("LAYERSWAP_SEED") ?? "20241001", System.Globalization.CultureInfo.InvariantCulture);

    private static int Kills(int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable("LAYERSWAP_KILLS"), out int kills) ? kills : otherwise;

    /// <summary>The length of the journal when all is written.</summary>
    private static long JournalOfUndisturbed(LongWork work)
    {
        string output = work["undisturbed", "out"];
        long whole = 0;
        using ToolProcess process = Tool.StartUnder([], work.Arguments(output));
        SpinWait.SpinUntil(() => process.HasExited | (whole = Math.Max(whole, LongWork.Journal(output))) < 0);
        ToolRun run = process.WaitForEnd();
        Assert.True(run.Exit == 0, run.ToString());
        Assert.True(whole > 0, "No journal was seen.");
        return whole;
    }

    /// <summary>
    /// Waits for the moment of the kill, defined by progress and not by time. Every second kill is at start-up, the others after a random
    /// record.
    /// </summary>
    private static bool EndsBeforeItsMoment(ToolProcess process, string output, long whole, Random random)
    {
        if (random.Next(2) == 0)
        {
            return process.EndsWithin(TimeSpan.FromMilliseconds(random.Next(100)));
        }

        long before = LongWork.Journal(output), until = random.NextInt64(before + 1, Math.Max(whole, before + 1) + 1);
        SpinWait.SpinUntil(() => LongWork.Journal(output) >= until || process.HasExited);
        // Publishing follows the last record.
        return process.EndsWithin(TimeSpan.FromMilliseconds(random.Next(10)));
    }

    private static void RequireOldOrNew(string output, bool replaces, LongWork work)
    {
        bool old = replaces
            ? Directory.Exists(output)
                && Folders.Names(output) is ["model.safetensors"]
                && File.ReadAllText(Path.Combine(output, "model.safetensors")) == "old"
            : !Directory.Exists(output);
        Assert.True(
            old || Contents(work["undisturbed", "out"]).SequenceEqual(Contents(output), StringComparer.Ordinal),
            $"{output} is neither old nor new.");
    }

    private static string[] Contents(string folder) =>
        [.. Folders.Names(folder).Select(
            n => $"{n} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, n))))}")];
}
