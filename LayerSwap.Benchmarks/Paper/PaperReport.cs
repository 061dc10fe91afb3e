using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LayerSwap.Benchmarks.Paper;

/// <summary>The results of all sets as Markdown and as JSON.</summary>
internal static class PaperReport
{
    public static string ToMarkdown(IReadOnlyList<SetResults> sets)
    {
        StringBuilder text = new("# The paper's comparison, in miniature\n\n"
            + "Accuracy on word problems in the invented language S: greedy decoding gives the whole answer. "
            + "Means over four pairs of experts.\n");
        foreach (SetResults results in sets)
        {
            AppendSet(text, results);
        }

        return text.ToString();
    }

    public static string ToJson(IReadOnlyList<SetResults> sets)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartArray();
            foreach ((SetResults results, Score score) in sets.SelectMany(r => r.Scores.Select(s => (r, s))))
            {
                json.WriteStartObject();
                json.WriteString("set", results.Set.Name);
                json.WriteString("merge", score.Merge);
                json.WriteString("pair", score.Pair);
                WriteAccuracy("test", score.Test);
                WriteAccuracy("validation", score.Validation);
                WriteAccuracy("test_e", score.TestE);
                json.WriteEndObject();
            }

            json.WriteEndArray();

            void WriteAccuracy(string name, bool[]? solved)
            {
                if (solved is not null)
                {
                    json.WriteNumber(name, Math.Round(Score.Accuracy(solved), 5));
                }
            }
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static void AppendSet(StringBuilder text, SetResults results)
    {
        string problems = Invariant($"{results.TestProblems.Length:N0} test problems");
        text.Append(Invariant($"\n## {results.Set.Name}: {results.Set.Description}\n\n{problems}.\n\n"));
        text.Append("| merge | test | best pair | validation | test in E |\n|---|---:|---:|---:|---:|\n");
        string[] experts = ["base", "math expert", "language expert"];
        string[] merges = [.. results.Scores.Where(s => s.Pair.Length > 0).Select(s => s.Merge).Distinct(StringComparer.Ordinal)];
        var rows = experts.Concat(merges).Select(m => (Merge: m, Scores: results.Of(m), Test: Score.Mean(results.Of(m), s => s.Test)));
        foreach ((string merge, Score[] scores, double? test) in rows.Where(r => r.Test is not null).OrderByDescending(r => r.Test))
        {
            double best = scores.Max(s => Score.Accuracy(s.Test!));
            text.Append(Invariant(
                $"| {merge} | {test:F3} | {best:F3} | {Mean(scores, s => s.Validation)} | {Mean(scores, s => s.TestE)} |\n"));
        }

        text.Append("\nChosen on validation:\n\n");
        foreach ((string family, string choice) in results.Choices)
        {
            text.Append(Invariant($"* {family.Replace('_', ' ')}: {choice}, test {Mean(results.Of(choice), s => s.Test)}\n"));
        }

        AppendPaired(text, results);
        AppendSuggestions(text, results);
        AppendComparison(text, results.Comparison);
    }

    private static void AppendPaired(StringBuilder text, SetResults results)
    {
        text.Append("\nPaired differences: the first minus the second on the same problems, with the standard error over problems; "
            + "z of each pair from the problems that only one of both solves.\n\n"
            + "| difference | mean | standard error | z by pair |\n|---|---:|---:|---|\n");
        string[] others = [.. results.Choices.Values.Where(c => !c.StartsWith("swap", StringComparison.Ordinal))];
        foreach (string swap in results.Choices.Values.Where(c => c.StartsWith("swap", StringComparison.Ordinal)))
        {
            foreach (string other in (string[])["base", "math expert", "language expert", "soup", .. others, "--suggest"])
            {
                if (results.Of(other) is { Length: 4 })
                {
                    PairedDifference difference = results.Compare(swap, other);
                    string z = string.Join(", ", difference.Pairs.Select(p => Invariant($"{PairedDifference.Z(p):F1}")));
                    text.Append(Invariant($"| {swap} - {other} | {difference.Mean:+0.000;-0.000} | "))
                        .Append(Invariant($"{difference.StandardError:F3} | {z} |\n"));
                }
            }
        }
    }

    private static void AppendSuggestions(StringBuilder text, SetResults results)
    {
        text.Append("\nWhat the deltas suggest:\n\n");
        foreach ((string pair, SwapSuggestion suggestion) in results.Suggestions)
        {
            string swap = suggestion.IsConclusive
                ? Invariant($"bottom {suggestion.Bottom}, top {suggestion.Top}, transition {suggestion.Transition} from ")
                    + Path.GetFileName(suggestion.Outer)
                    + Invariant($", which explains {suggestion.Score:P0} of the differences between layers")
                : suggestion.Reason;
            text.Append(Invariant($"* {pair}: {swap}\n"));
        }
    }

    private static void AppendComparison(StringBuilder text, Comparison comparison)
    {
        text.Append("\nCompared with another implementation:\n\n"
            + "| numbers | count | largest difference | accepted |\n|---|---:|---:|---:|\n");
        foreach (Comparison.Row row in comparison.Rows)
        {
            text.Append(Invariant($"| {row.Kind} | {row.Count} | {row.Largest:0.#####} | {row.Tolerance} |\n"));
        }
    }

    private static string Mean(Score[] scores, Func<Score, bool[]?> problems) =>
        Score.Mean(scores, problems)?.ToString("F3", CultureInfo.InvariantCulture) ?? "";

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
