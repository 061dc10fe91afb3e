using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using LayerSwap.Benchmarks.Forward;

namespace LayerSwap.Benchmarks.Paper;

/// <summary>
/// The paper's comparison on trained models: the accuracy of every merge of every pair of experts. Merges are computed on demand and not
/// saved. Configurations are chosen on the validation problems only.
/// </summary>
internal static class PaperProgram
{
    /// <summary>The largest accepted difference from the accuracies of the other implementation.</summary>
    private const double Tolerance = 0.004;

    private static readonly string[] Mathematics = ["math", "math-2"], Languages = ["sahili", "sahili-2"];

    public static int Run(string[] options)
    {
        string root = ProgramOptions.GetValue(options, "--models")
            ?? Checkout.FindFolder("LayerSwap.Core.Tests/Fixtures/miniature", "--models");
        string demo = Checkout.FindFolder("LayerSwap.Cli/Demo", "--models");
        string results = ProgramOptions.GetValue(options, "--results") ?? Checkout.FindFolder("LayerSwap.Benchmarks/Results", "--results");
        long start = Stopwatch.GetTimestamp();
        ICheckpoint Open(string name) =>
            Checkpoint.Open(Path.Combine(Directory.Exists(Path.Combine(root, name)) ? root : demo, name));
        string[] names = ["base", .. Mathematics, .. Languages];
        Dictionary<string, ICheckpoint> models = names.ToDictionary(n => n, Open, StringComparer.Ordinal);
        Problem[] test = Problem.Read(Path.Combine(root, "test.jsonl"));
        Problem[] validation = Problem.Read(Path.Combine(root, "validation.jsonl"));
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(root, "expected.json")));

        List<Score> scores = [];
        double difference = 0;
        foreach ((string name, ICheckpoint model) in models)
        {
            scores.Add(new Score(name, "", Problem.Accuracy(model, test), double.NaN));
            JsonElement expert = expected.RootElement.GetProperty("experts").GetProperty(name);
            difference = Math.Max(difference, Math.Abs(scores[^1].Test - expert.GetProperty("test").GetDouble()));
        }

        foreach ((string math, string language) in from m in Mathematics from l in Languages select (m, l))
        {
            string pair = $"{math} + {language}";
            Console.Error.WriteLine($"{pair} ({Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s)");
            foreach (SweepCandidate candidate in Candidates.Of(models["base"], models[math], models[language]))
            {
                ICheckpoint merged = candidate.Merge.Plan().AsCheckpoint();
                double testAccuracy = Problem.Accuracy(merged, test);
                bool isChoice = Family(candidate.Name) is not null;
                double validationAccuracy = isChoice ? Problem.Accuracy(merged, validation) : double.NaN;
                scores.Add(new Score(candidate.Name, pair, testAccuracy, validationAccuracy));
                JsonElement expectedPair = expected.RootElement.GetProperty("pairs").GetProperty(pair);
                if (expectedPair.TryGetProperty(candidate.Name, out JsonElement known))
                {
                    difference = Math.Max(difference, Math.Abs(scores[^1].Test - known.GetProperty("test").GetDouble()));
                }
            }
        }

        string report = Report(scores, difference, Stopwatch.GetElapsedTime(start).TotalSeconds);
        Console.WriteLine(report);
        Directory.CreateDirectory(results);
        File.WriteAllText(Path.Combine(results, "paper.md"), report);
        File.WriteAllText(Path.Combine(results, "paper.json"), Json(scores));
        File.WriteAllText(Path.Combine(results, "paper.html"), HeatMap.Of(scores));
        IEnumerable<string> choices = Chosen(scores).Select(c => c.Best.Key).Order(StringComparer.Ordinal);
        IEnumerable<string> expectedChoices = expected.RootElement.GetProperty("chosen_on_validation")
            .EnumerateArray()
            .Select(c => c.GetString()!)
            .Order(StringComparer.Ordinal);
        return difference <= Tolerance && choices.SequenceEqual(expectedChoices) ? 0 : 1;
    }

    /// <summary>Returns the family of a configuration that is chosen on validation, or null.</summary>
    public static string? Family(string name) =>
        ((string[])["swap", "ties", "task arithmetic"]).FirstOrDefault(f => name.StartsWith(f, StringComparison.Ordinal));

    /// <summary>Returns the best configuration on validation of each family, and of the swaps at both ends, as in the paper.</summary>
    private static IEnumerable<(string Family, IGrouping<string, Score> Best)> Chosen(List<Score> scores)
    {
        IEnumerable<IGrouping<string?, Score>> families = scores
            .Where(s => Family(s.Merge) is not null)
            .GroupBy(s => Family(s.Merge), StringComparer.Ordinal);
        foreach (IGrouping<string?, Score> family in families)
        {
            yield return (family.Key!, Best(family));
        }

        yield return ("swap at both ends", Best(scores.Where(s => IsSwapAtBothEnds(s.Merge))));

        static bool IsSwapAtBothEnds(string name) =>
            name.StartsWith("swap", StringComparison.Ordinal)
            && !name.Contains(" 0,", StringComparison.Ordinal)
            && !name.Contains(",0,", StringComparison.Ordinal);

        static IGrouping<string, Score> Best(IEnumerable<Score> family) =>
            family.GroupBy(s => s.Merge, StringComparer.Ordinal).MaxBy(g => g.Average(s => s.Validation))!;
    }

    private static string Report(List<Score> scores, double difference, double seconds)
    {
        StringBuilder text = new("# The paper's comparison, in miniature\n\n"
            + "Accuracy on 1,000 word problems in the made-up language S; mean and best over four pairs of experts.\n\n"
            + "| merge | mean | best pair | validation |\n|---|---:|---:|---:|\n");
        IEnumerable<IGrouping<string, Score>> merges = scores
            .GroupBy(s => s.Merge, StringComparer.Ordinal)
            .OrderByDescending(g => g.Average(s => s.Test));
        foreach (IGrouping<string, Score> merge in merges)
        {
            double mean = merge.Average(s => s.Validation);
            string validation = double.IsNaN(mean) ? "" : mean.ToString("F3", CultureInfo.InvariantCulture);
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {merge.Key} | {merge.Average(s => s.Test):F3} | {merge.Max(s => s.Test):F3} | {validation} |\n");
        }

        text.Append("\nChosen on validation:\n\n");
        foreach ((string family, IGrouping<string, Score> best) in Chosen(scores))
        {
            text.Append(CultureInfo.InvariantCulture, $"* {family}: {best.Key}, test {best.Average(s => s.Test):F3}\n");
        }

        text.Append(
            CultureInfo.InvariantCulture,
            $"\nLargest difference from another implementation's accuracies: {difference:F4}. Took {seconds:F0} s.\n");
        return text.ToString();
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

/// <summary>The accuracy of a merge of a pair, from 0 to 1. The pair is empty for a single model.</summary>
internal sealed record Score(string Merge, string Pair, double Test, double Validation);
