using System.Globalization;
using System.IO.MemoryMappedFiles;

namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>
/// Fuzzes the readers of input. Each finding's input is saved with the command that repeats it. A marker file has the number of the current
/// input, because after a stack overflow nothing else is left.
/// </summary>
internal static class FuzzProgram
{
    private static readonly TimeSpan HangTime = TimeSpan.FromSeconds(20);

    public static int Run(string[] options)
    {
        double minutes = double.Parse(Value(options, "--minutes") ?? "1", CultureInfo.InvariantCulture);
        int seed = int.Parse(Value(options, "--seed") ?? "1", CultureInfo.InvariantCulture);
        long from = long.Parse(Value(options, "--from") ?? "0", CultureInfo.InvariantCulture);
        long count = Value(options, "--count") is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : long.MaxValue;
        string corpus = Value(options, "--corpus") ?? Checkout.FindFolder("LayerSwap.Core.Tests/Fixtures", "--corpus");
        string output = Value(options, "--out") ?? Path.Combine(Path.GetTempPath(), "layerswap-fuzz");
        string folder = Directory.CreateDirectory(output).FullName;
        using FuzzTargets targets = new();
        string? only = Value(options, "--target");
        FuzzTarget[] chosen = [.. targets.All.Where(t => only is null || t.Name == only)];
        if (chosen.Length == 0)
        {
            Console.Error.WriteLine($"--target: one of {string.Join(", ", targets.All.Select(t => t.Name))} is expected.");
            return 2;
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"seed {seed}, from input {from}, {minutes} minutes over {chosen.Length} targets, corpus {corpus}, findings to {folder}"));
        int findings = 0;
        foreach (FuzzTarget target in chosen)
        {
            FuzzRun run = new(target, corpus, seed);
            findings += ReportCrash(run, folder, corpus);
            Feed(run, folder, seed, from, count, TimeSpan.FromMinutes(minutes / chosen.Length));
            Report(run, folder, seed);
            findings += run.Findings.Count;
        }

        return findings > 0 ? 1 : 0;
    }

    private static void Feed(FuzzRun run, string folder, int seed, long from, long count, TimeSpan time)
    {
        string marker = Marker(folder, run.Target);
        using (MemoryMappedFile file = MemoryMappedFile.CreateFromFile(marker, FileMode.Create, null, 16))
        using (MemoryMappedViewAccessor current = file.CreateViewAccessor())
        using (Timer watchdog = new(_ => ExitIfHung(run, folder, seed), null, HangTime, TimeSpan.FromSeconds(1)))
        {
            current.Write(0, (long)seed);
            run.Run(from, count, time, i => current.Write(8, i));
        }

        File.Delete(marker);
    }

    private static void Report(FuzzRun run, string folder, int seed)
    {
        string outcomes = string.Join(", ", run.Outcomes.Select(v => $"{v.Key} {v.Value.ToString(CultureInfo.InvariantCulture)}"));
        double seconds = run.Elapsed.TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Target.Name}: {run.Count} inputs of {run.CorpusSize} in {seconds:0.0} s, {run.Count / seconds:0} a second: "
                + $"{outcomes}; {run.Findings.Count} findings"));
        foreach (FuzzFinding finding in run.Findings)
        {
            Save(folder, run.Target.Name, seed, finding.Iteration, finding.Input, $"{finding.Kind} ({finding.Times} times)");
            Console.WriteLine(finding.Detail.Length > 1200 ? finding.Detail[..1200] + "..." : finding.Detail);
        }
    }

    /// <summary>Saves the last input of an earlier run that crashed, if there was one.</summary>
    private static int ReportCrash(FuzzRun run, string folder, string corpus)
    {
        string marker = Marker(folder, run.Target);
        if (!File.Exists(marker))
        {
            return 0;
        }

        byte[] state = File.ReadAllBytes(marker);
        int seed = (int)BitConverter.ToInt64(state, 0);
        long iteration = BitConverter.ToInt64(state, 8);
        File.Delete(marker);
        byte[] input = new FuzzRun(run.Target, corpus, seed).CreateInput(iteration);
        Save(folder, run.Target.Name, seed, iteration, input, "an earlier run ended (or was killed) at this input");
        return 1;
    }

    private static void ExitIfHung(FuzzRun run, string folder, int seed)
    {
        if (run.InputTime > HangTime)
        {
            long iteration = run.Iteration;
            Save(folder, run.Target.Name, seed, iteration, run.CreateInput(iteration), "does not end");
            Environment.Exit(1);
        }
    }

    private static void Save(string folder, string target, int seed, long iteration, byte[] input, string finding)
    {
        string path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{target}-{seed}-{iteration}.bin"));
        File.WriteAllBytes(path, input);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"FINDING {target}: {finding}; {input.Length} bytes in {path}; "
                + $"repeat: fuzz --target {target} --seed {seed} --from {iteration} --count 1"));
    }

    private static string Marker(string folder, FuzzTarget target) => Path.Combine(folder, target.Name + ".running");

    private static string? Value(string[] options, string name) =>
        Array.IndexOf(options, name) is >= 0 and int i && i + 1 < options.Length ? options[i + 1] : null;
}
