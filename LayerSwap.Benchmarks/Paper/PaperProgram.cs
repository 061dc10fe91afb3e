using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using LayerSwap.Benchmarks.Forward;

namespace LayerSwap.Benchmarks.Paper;

/// <summary>
/// The paper's comparison on really trained models: every merge of every pair of experts, judged by what it answers. Nothing is written but the results; configurations are chosen on the
/// validation problems alone.
/// </summary>
internal static class PaperProgram
{
    private static readonly string[] Mathematics = ["math", "math-2"], Languages = ["sahili", "sahili-2"];

    public static int Run(string[] options)
    {
        string root = ProgramOptions.Value(options, "--models") ?? Checkout.Folder("LayerSwap.Core.Tests/Fixtures/miniature", "--models"), demo = Checkout.Folder("LayerSwap.Cli/Demo", "--models");
        string results = ProgramOptions.Value(options, "--results") ?? Checkout.Folder("LayerSwap.Benchmarks/Results", "--results");
        long start = Stopwatch.GetTimestamp();
        Dictionary<string, ICheckpoint> models = ((string[])["base", .. Mathematics, .. Languages]).ToDictionary(n => n, n => Checkpoint.Open(Directory.Exists(Path.Combine(root, n)) ? Path.Combine(root, n) : Path.Combine(demo, n)), StringComparer.Ordinal);
        Problem[] test = Problem.Read(Path.Combine(root, "test.jsonl")), validation = Problem.Read(Path.Combine(root, "validation.jsonl"));
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(root, "expected.json")));

        List<Score> scores = [];
        double apart = 0;
        foreach ((string name, ICheckpoint model) in models)
        {
            scores.Add(new Score(name, "", Problem.Accuracy(model, test), double.NaN));
            apart = Math.Max(apart, Math.Abs(scores[^1].Test - expected.RootElement.GetProperty("experts").GetProperty(name).GetProperty("test").GetDouble()));
        }

        foreach ((string math, string language) in from m in Mathematics from l in Languages select (m, l))
        {
            string pair = $"{math} + {language}";
            Console.Error.WriteLine($"{pair} ({Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s)");
            foreach (SweepCandidate candidate in Candidates.Of(models["base"], models[math], models[language]))
            {
                ICheckpoint merged = candidate.Merge.Plan().AsCheckpoint();
                bool chosen = Family(candidate.Name) is not null;
                scores.Add(new Score(candidate.Name, pair, Problem.Accuracy(merged, test), chosen ? Problem.Accuracy(merged, validation) : double.NaN));
                if (expected.RootElement.GetProperty("pairs").GetProperty(pair).TryGetProperty(candidate.Name, out JsonElement known))
                {
                    apart = Math.Max(apart, Math.Abs(scores[^1].Test - known.GetProperty("test").GetDouble()));
                }
            }
        }

        string report = Report(scores, apart, Stopwatch.GetElapsedTime(start).TotalSeconds);
        Console.WriteLine(report);
        Directory.CreateDirectory(results);
        File.WriteAllText(Path.Combine(results, "paper.md"), report);
        File.WriteAllText(Path.Combine(results, "paper.json"), Json(scores));
        File.WriteAllText(Path.Combine(results, "paper.html"), HeatMap.Of(scores));
        string[] expectedChoices = [.. expected.RootElement.GetProperty("chosen_on_validation").EnumerateArray().Select(c => c.GetString()!)];
        return apart <= 0.004 && Chosen(scores).Select(c => c.Best.Key).Order(StringComparer.Ordinal).SequenceEqual(expectedChoices.Order(StringComparer.Ordinal)) ? 0 : 1;
    }

    /// <summary>The family that a configuration is chosen within.</summary>
    public static string? Family(string name) => ((string[])["swap", "ties", "task arithmetic"]).FirstOrDefault(f => name.StartsWith(f, StringComparison.Ordinal));

    /// <summary>Of each family, and of the swaps that take layers at both ends as the paper's do, what did best on validation over all pairs.</summary>
    private static IEnumerable<(string Family, IGrouping<string, Score> Best)> Chosen(List<Score> scores)
    {
        foreach (IGrouping<string?, Score> family in scores.Where(s => Family(s.Merge) is not null).GroupBy(s => Family(s.Merge), StringComparer.Ordinal))
        {
            yield return (family.Key!, Best(family));
        }

        yield return ("swap at both ends", Best(scores.Where(s => s.Merge.StartsWith("swap", StringComparison.Ordinal) && !s.Merge.Contains(" 0,", StringComparison.Ordinal) && !s.Merge.Contains(",0,", StringComparison.Ordinal))));

        static IGrouping<string, Score> Best(IEnumerable<Score> family) => family.GroupBy(s => s.Merge, StringComparer.Ordinal).MaxBy(g => g.Average(s => s.Validation))!;
    }

    private static string Report(List<Score> scores, double apart, double seconds)
    {
        StringBuilder text = new("# The paper's comparison, in miniature\n\nAccuracy on 1,000 word problems in the made-up language S; mean and best over four pairs of experts.\n\n| merge | mean | best pair | validation |\n|---|---:|---:|---:|\n");
        foreach (IGrouping<string, Score> merge in scores.GroupBy(s => s.Merge, StringComparer.Ordinal).OrderByDescending(g => g.Average(s => s.Test)))
        {
            double validation = merge.Average(s => s.Validation);
            text.Append(CultureInfo.InvariantCulture, $"| {merge.Key} | {merge.Average(s => s.Test):F3} | {merge.Max(s => s.Test):F3} | {(double.IsNaN(validation) ? "" : validation.ToString("F3", CultureInfo.InvariantCulture))} |\n");
        }

        text.Append("\nChosen on validation:\n\n");
        foreach ((string family, IGrouping<string, Score> best) in Chosen(scores))
        {
            text.Append(CultureInfo.InvariantCulture, $"* {family}: {best.Key}, test {best.Average(s => s.Test):F3}\n");
        }

        return text.Append(CultureInfo.InvariantCulture, $"\nLargest difference from another implementation's accuracies: {apart:F4}. Took {seconds:F0} s.\n").ToString();
    }

    private static string Json(List<Score> scores)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartArray();
            foreach (Score score in scores)
            {
                json.WriteStartObject();
                json.WriteString("merge", score.Merge);
                json.WriteString("pair", score.Pair);
                json.WriteNumber("test", score.Test);
                if (!double.IsNaN(score.Validation))
                {
                    json.WriteNumber("validation", score.Validation);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }
}

/// <summary>What a merge of a pair scored; the pair is empty for a single model.</summary>
internal sealed record Score(string Merge, string Pair, double Test, double Validation);
