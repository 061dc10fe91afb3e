using System.Text.Json;
using LayerSwap.Benchmarks.Forward;

namespace LayerSwap.Benchmarks.Paper;

/// <summary>
/// Compares results with expected.json, which another implementation measured. Perplexities, retrieval and rare verbs are not compared:
/// the texts they were measured on do not come with the models.
/// </summary>
internal sealed class Comparison(JsonElement expected)
{
    private const double AccuracyTolerance = 0.002, LogitTolerance = 2e-3;

    /// <summary>DARE drops elements at random, by other random numbers here. The difference of two draws is compared with this.</summary>
    private const double DareTolerance = 0.03;

    private readonly Dictionary<string, Row> _rows = new(StringComparer.Ordinal);

    /// <summary>The comparisons by kind of number, with the largest differences.</summary>
    public IEnumerable<Row> Rows => _rows.Values;

    /// <summary>The differences above their tolerance.</summary>
    public List<string> Failures { get; } = [];

    private IEnumerable<JsonProperty> Paired =>
        expected.TryGetProperty("paired", out JsonElement paired) ? paired.EnumerateObject() : [];

    private IEnumerable<JsonProperty> Means =>
        expected.TryGetProperty("means", out JsonElement means) ? means.EnumerateObject() : [];

    public bool HasPair(string pair, string merge, string number = "test") =>
        expected.GetProperty("pairs").GetProperty(pair).TryGetProperty(merge, out JsonElement known) && known.TryGetProperty(number, out _);

    public bool HasMean(string merge, string number) =>
        Means.Any(m => m.Name == merge && m.Value.GetProperty(number).ValueKind == JsonValueKind.Number);

    public void CompareExpert(Score score, double words, double numbers)
    {
        JsonElement known = expected.GetProperty("experts").GetProperty(score.Merge);
        Compare("accuracies of single models", score.Merge, known, score);
        if (known.TryGetProperty("test_parts", out JsonElement parts))
        {
            ComparePart("words", words);
            ComparePart("numbers", numbers);

            void ComparePart(string part, double found) =>
                Compare("parts of answers", $"{score.Merge} {part}", parts.GetProperty(part).GetDouble(), found, AccuracyTolerance);
        }
    }

    public void ComparePair(Score score)
    {
        if (expected.GetProperty("pairs").GetProperty(score.Pair).TryGetProperty(score.Merge, out JsonElement known))
        {
            Compare(IsRandom(score.Merge) ? "accuracies of dare" : "accuracies of merges", $"{score.Pair}, {score.Merge}", known, score);
        }
    }

    public void CompareMeans(SetResults results)
    {
        foreach (JsonProperty mean in Means)
        {
            Score[] scores = results.Of(mean.Name);
            string kind = IsRandom(mean.Name) ? "means of dare" : "means over the pairs";
            foreach ((string number, Func<Score, bool[]?> problems) in Numbers)
            {
                if (mean.Value.TryGetProperty(number, out JsonElement known) && known.ValueKind == JsonValueKind.Number)
                {
                    double? found = Score.Mean(scores, problems);
                    Compare(kind, $"{mean.Name} {number}", known.GetDouble(), found, Tolerance(mean.Name));
                }
            }
        }
    }

    public void ComparePaired(SetResults results)
    {
        foreach (JsonProperty pair in Paired)
        {
            string[] names = pair.Name.Split(" - ");
            PairedDifference found = results.Compare(names[0], names[1]);
            string kind = IsRandom(pair.Name) ? "paired differences with dare" : "paired differences";
            Compare(kind, pair.Name, pair.Value.GetProperty("mean").GetDouble(), found.Mean, Tolerance(pair.Name));
            Compare(
                IsRandom(pair.Name) ? kind : "standard errors",
                pair.Name,
                pair.Value.GetProperty("se_over_problems").GetDouble(),
                found.StandardError,
                IsRandom(pair.Name) ? DareTolerance : 0.0005);
            foreach ((int i, JsonElement known) in pair.Value.GetProperty("gained_lost_z").EnumerateArray().Index())
            {
                if (!IsRandom(pair.Name))
                {
                    Compare("problems gained", pair.Name, known[0].GetDouble(), found.Pairs[i].Gained, 3);
                    Compare("problems lost", pair.Name, known[1].GetDouble(), found.Pairs[i].Lost, 3);
                    Compare("z of problems gained and lost", pair.Name, known[2].GetDouble(), PairedDifference.Z(found.Pairs[i]), 0.4);
                }
            }
        }
    }

    /// <summary>Compares the choices on validation. Sets list them by family, or without.</summary>
    public void CompareChoices(SetResults results)
    {
        JsonElement known = expected.GetProperty("chosen_on_validation");
        IReadOnlyDictionary<string, string> choices = results.Choices;
        foreach ((string family, string choice) in choices)
        {
            bool agrees = known.ValueKind == JsonValueKind.Array
                ? known.EnumerateArray().Any(c => c.GetString() == choice)
                : known.GetProperty(family).GetString() == choice;
            Compare("choices on validation", $"{family}: {choice}", 0, agrees ? 0 : 1, 0);
        }
    }

    /// <summary>Compares what fine-tuning changed, over the matrices of each layer and of the whole model.</summary>
    public void CompareProfiles(IReadOnlyDictionary<string, ICheckpoint> models)
    {
        string[] names = [.. models.Keys.Where(n => n != "base")];
        LayerDiffReport diff = LayerDiff.From(models["base"])
            .To([.. names.Select(n => models[n])])
            .GroupBy(LayerGrouping.Tensor)
            .RunAsync()
            .GetAwaiter()
            .GetResult();
        foreach (string name in names)
        {
            DiffEntry[] tensors = [.. diff.Entries.Where(e => e.Model == models[name].Name)];
            DiffEntry[] matrices = [.. tensors.Where(e => models["base"].Find(e.Name)!.Shape.Rank == 2)];
            JsonElement known = expected.GetProperty("experts").GetProperty(name);
            CompareDelta("mean_abs_change_embed", Embedding(), MeanAbsolute);
            CompareDelta("mean_abs_change_head", Head(), MeanAbsolute);
            CompareDelta("relative_l2_embed", Embedding(), RelativeL2);
            CompareDelta("relative_l2_head", Head(), RelativeL2);
            CompareDelta("relative_l2", tensors, RelativeL2);
            CompareLayers("mean_abs_change_layers", MeanAbsolute);
            CompareLayers("relative_l2_layers", RelativeL2);

            DiffEntry[] Embedding() => [.. matrices.Where(e => e.Name == "model.embed_tokens.weight")];

            DiffEntry[] Head() => [.. matrices.Where(e => e.Name == "lm_head.weight")];

            void CompareLayers(string number, Func<DiffEntry[], double> measure)
            {
                if (known.TryGetProperty(number, out JsonElement layers))
                {
                    foreach ((int layer, JsonElement value) in layers.EnumerateArray().Index())
                    {
                        DiffEntry[] entries = [.. matrices.Where(e => e.Layer == layer)];
                        CompareRatio($"{name}, {number} {layer}", value, measure(entries));
                    }
                }
            }

            void CompareDelta(string number, DiffEntry[] entries, Func<DiffEntry[], double> measure)
            {
                if (known.TryGetProperty(number, out JsonElement value))
                {
                    CompareRatio($"{name}, {number}", value, measure(entries));
                }
            }
        }

        static double MeanAbsolute(DiffEntry[] entries) =>
            entries.Sum(e => e.MeanAbsolute * e.Parameters) / entries.Sum(e => e.Parameters);

        static double RelativeL2(DiffEntry[] entries) => Norm(entries.Select(e => e.L2)) / Norm(entries.Select(e => e.L2 / e.RelativeL2));

        static double Norm(IEnumerable<double> norms) => Math.Sqrt(norms.Sum(n => n * n));
    }

    /// <summary>Compares the highest logits at the first position of an answer.</summary>
    public void CompareLogits(IReadOnlyDictionary<string, ICheckpoint> models, SetResults results)
    {
        Problem[] problems = results.TestProblems;
        JsonElement[] records = [.. expected.GetProperty("logits").EnumerateArray()];
        foreach (IGrouping<string, JsonElement> group in records.GroupBy(r => r.GetProperty("model").GetString()!, StringComparer.Ordinal))
        {
            string[] parts = group.Key.Split(" of ");
            if (IsRandom(group.Key))
            {
                continue;
            }

            using ICheckpoint? merged = parts.Length == 1
                ? null
                : results.CreateCandidates(models, "math", "sahili").First(c => c.Name == parts[0]).Merge.Plan().AsCheckpoint();
            float[][] logits = Llama.Load(merged ?? models[group.Key])
                .LastLogits([.. group.Select(r => problems[r.GetProperty("problem").GetInt32()].Prompt)]);
            foreach ((int i, JsonElement record) in group.Index())
            {
                foreach (JsonElement top in record.GetProperty("top3").EnumerateArray())
                {
                    double found = logits[i][top[0].GetInt32()];
                    Compare("logits", $"{group.Key}, problem {i}", top[1].GetDouble(), found, LogitTolerance);
                }
            }
        }
    }

    private static readonly (string Name, Func<Score, bool[]?> Problems)[] Numbers =
        [("test", s => s.Test), ("validation", s => s.Validation), ("test_e", s => s.TestE)];

    private static bool IsRandom(string merge) => merge.Contains("dare", StringComparison.Ordinal);

    private static double Tolerance(string merge) => IsRandom(merge) ? DareTolerance : AccuracyTolerance;

    private void CompareRatio(string what, JsonElement known, double found) =>
        Compare("deltas, as ratios", what, 1, found / known.GetDouble(), 1e-3);

    private void Compare(string kind, string what, JsonElement known, Score score)
    {
        foreach ((string number, Func<Score, bool[]?> problems) in Numbers)
        {
            if (known.TryGetProperty(number, out JsonElement value))
            {
                double? found = problems(score) is { } solved ? Score.Accuracy(solved) : null;
                Compare(kind, $"{what} {number}", value.GetDouble(), found, Tolerance(score.Merge));
            }
        }
    }

    private void Compare(string kind, string what, double known, double? found, double tolerance)
    {
        double difference = found is { } number ? Math.Abs(number - known) : double.PositiveInfinity;
        Row row = _rows.GetValueOrDefault(kind) ?? new Row(kind, 0, 0, tolerance);
        _rows[kind] = row with { Count = row.Count + 1, Largest = Math.Max(row.Largest, difference) };
        // Tolerances bound rounding: 1,361 problems give steps of 0.0007, printed with four digits.
        if (!(difference <= tolerance))
        {
            Failures.Add($"{kind}: {what}: {found} instead of {known}");
        }
    }

    /// <summary>One kind of number: how many were compared, the largest difference, and the largest accepted one.</summary>
    internal sealed record Row(string Kind, int Count, double Largest, double Tolerance);
}
