using System.Diagnostics;

namespace LayerSwap.Benchmarks.Paper;

/// <summary>
/// The paper's comparison on two sets of trained models. Configurations are chosen on validation problems and reported on test problems.
/// Fails where a result differs from another implementation's.
/// </summary>
internal static class PaperProgram
{
    public static int Run(string[] options)
    {
        string fixtures = ProgramOptions.GetValue(options, "--models")
            ?? Checkout.FindFolder("LayerSwap.Core.Tests/Fixtures", "--models");
        string demo = Checkout.FindFolder("LayerSwap.Cli/Demo", "--models");
        string results = ProgramOptions.GetValue(options, "--results") ?? Checkout.FindFolder("LayerSwap.Benchmarks/Results", "--results");
        long start = Stopwatch.GetTimestamp();
        List<SetResults> sets = [];
        foreach (ModelSet set in ModelSet.All)
        {
            string folder = Path.Combine(fixtures, set.Name);
            string Find(string model) => Path.Combine(Directory.Exists(Path.Combine(folder, model)) ? folder : demo, model);
            string[] names = ["base", .. ModelSet.Mathematics, .. ModelSet.Languages];
            Dictionary<string, ICheckpoint> models = names.ToDictionary(n => n, n => Checkpoint.Open(Find(n)), StringComparer.Ordinal);
            sets.Add(new SetResults(set, models, folder, Report));
            models.Values.ToList().ForEach(m => m.Dispose());
        }

        string report = PaperReport.ToMarkdown(sets);
        Console.WriteLine(report);
        Directory.CreateDirectory(results);
        File.WriteAllText(Path.Combine(results, "paper.md"), report);
        File.WriteAllText(Path.Combine(results, "paper.json"), PaperReport.ToJson(sets));
        File.WriteAllText(Path.Combine(results, "paper.html"), HeatMap.Create(sets));
        Report("done");
        string[] failures = [.. sets.SelectMany(s => s.Comparison.Failures.Select(f => $"{s.Set.Name}: {f}"))];
        Array.ForEach(failures, Console.Error.WriteLine);
        return failures.Length == 0 ? 0 : 1;

        void Report(string what) => Console.Error.WriteLine($"{what} ({Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s)");
    }
}
