using System.Text.Json;
using LayerSwap.Benchmarks.Forward;

namespace LayerSwap.Benchmarks.Paper;

/// <summary>The results of a set: every model alone, and every merge of every pair. Merges are computed on demand and not saved.</summary>
internal sealed class SetResults
{
    /// <summary>The merges that are chosen on validation, by the first words of their names.</summary>
    private static readonly string[] Families = ["swap", "task arithmetic", "ties"];

    private readonly Evaluator _test, _testE, _validation;

    public SetResults(ModelSet set, IReadOnlyDictionary<string, ICheckpoint> models, string folder, Action<string> report)
    {
        Set = set;
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "expected.json")));
        JsonElement expected = document.RootElement.Clone();
        Problem[] Read(string name) => Problem.Read(Path.Combine(folder, name));
        TestProblems = Read("test.jsonl");
        (_test, _testE, _validation) = (new(TestProblems), new(Read("test_e.jsonl")), new(Read("validation.jsonl")));
        Comparison = new Comparison(expected);
        HashSet<int> numbers = NumberTokens(models["base"]);
        foreach ((string name, ICheckpoint model) in models)
        {
            bool[][] tokens = _test.Evaluate(model);
            Score score = new()
            {
                Merge = name,
                Pair = "",
                Test = Solved(tokens),
                TestE = Solved(_testE.Evaluate(model)),
                Validation = Solved(_validation.Evaluate(model)),
            };
            Scores.Add(score);
            double Part(bool isNumber) => Score.Accuracy(
                [.. tokens.Zip(TestProblems, (t, p) => t.Index().All(i => numbers.Contains(p.Answer[i.Index]) != isNumber || i.Item))]);
            Comparison.CompareExpert(score, words: Part(isNumber: false), numbers: Part(isNumber: true));
        }

        foreach ((string math, string language) in from m in ModelSet.Mathematics from l in ModelSet.Languages select (m, l))
        {
            report($"{set.Name}: {math} + {language}");
            AddPair(models["base"], models[math], models[language], $"{math} + {language}");
        }

        Comparison.CompareLogits(models, this);
        Comparison.CompareProfiles(models);
        Comparison.CompareMeans(this);
        Comparison.ComparePaired(this);
        Comparison.CompareChoices(this);
    }

    public ModelSet Set { get; }

    public Problem[] TestProblems { get; }

    public Comparison Comparison { get; }

    public List<Score> Scores { get; } = [];

    /// <summary>What the diff suggests for each pair.</summary>
    public List<(string Pair, SwapSuggestion Suggestion)> Suggestions { get; } = [];

    /// <summary>The best configuration on validation of each family, and of the swaps at both ends, as in the paper.</summary>
    public IReadOnlyDictionary<string, string> Choices => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["swap"] = Best(m => m.StartsWith("swap", StringComparison.Ordinal)),
        ["swap_both_ends"] = Best(IsSwapAtBothEnds),
        ["task_arithmetic"] = Best(m => m.StartsWith("task arithmetic", StringComparison.Ordinal)),
        ["ties"] = Best(m => m.StartsWith("ties", StringComparison.Ordinal)),
    };


    public IReadOnlyList<SweepCandidate> CreateCandidates(IReadOnlyDictionary<string, ICheckpoint> models, string math, string language)
    {
        SwapSuggestion suggestion = Suggestions.First(s => s.Pair == $"{math} + {language}").Suggestion;
        return Candidates.Create(Set, models["base"], models[math], models[language], suggestion);
    }

    /// <summary>
    /// The scores of a merge, one for each pair. The names "math expert" and "language expert" give the expert of each pair.
    /// </summary>
    public Score[] Of(string merge)
    {
        Score Single(string name) => Scores.First(s => s.Merge == name && s.Pair.Length == 0);
        string[] pairs = [.. Suggestions.Select(s => s.Pair)];
        return merge switch
        {
            "base" => [.. pairs.Select(_ => Single("base"))],
            "math expert" => [.. pairs.Select(p => Single(p.Split(" + ")[0]))],
            "language expert" => [.. pairs.Select(p => Single(p.Split(" + ")[1]))],
            _ => [.. Scores.Where(s => s.Merge == merge && s.Pair.Length > 0)],
        };
    }

    public PairedDifference Compare(string first, string second) =>
        PairedDifference.Compute([.. Of(first).Select(s => s.Test!)], [.. Of(second).Select(s => s.Test!)]);

    private static bool IsSwapAtBothEnds(string name) =>
        name.StartsWith("swap", StringComparison.Ordinal)
        && !name.Contains(" 0,", StringComparison.Ordinal)
        && !name.Contains(",0,", StringComparison.Ordinal);

    private string Best(Func<string, bool> isMember) =>
        Scores.Where(s => isMember(s.Merge))
            .GroupBy(s => s.Merge, StringComparer.Ordinal)
            .MaxBy(g => Score.Mean(g, s => s.Validation))!.Key;

    private void AddPair(ICheckpoint @base, ICheckpoint math, ICheckpoint language, string pair)
    {
        SwapSuggestion suggestion = LayerDiff.From(@base).To(math, language).RunAsync().GetAwaiter().GetResult().Suggest();
        Suggestions.Add((pair, suggestion));
        IReadOnlyList<SweepCandidate> candidates = Candidates.Create(Set, @base, math, language, suggestion);
        foreach (SweepCandidate candidate in candidates)
        {
            using ICheckpoint merged = candidate.Merge.Plan().AsCheckpoint();
            bool isChoice = Families.Any(f => candidate.Name.StartsWith(f, StringComparison.Ordinal));
            bool isExpected = Comparison.HasPair(pair, candidate.Name);
            Score score = new()
            {
                Merge = candidate.Name,
                Pair = pair,
                Validation = isChoice || Comparison.HasMean(candidate.Name, "validation") ? Solved(_validation.Evaluate(merged)) : null,
                // Every configuration of a family is tested on the first pair only; those compared in the report, on all.
                Test = !isChoice || isExpected ? Solved(_test.Evaluate(merged)) : null,
                TestE = IsExpectedInE() ? Solved(_testE.Evaluate(merged)) : null,
            };
            Scores.Add(score);
            Comparison.ComparePair(score);

            bool IsExpectedInE() => Comparison.HasPair(pair, candidate.Name, "test_e") || Comparison.HasMean(candidate.Name, "test_e");
        }
    }

    private static bool[] Solved(bool[][] tokens) => [.. tokens.Select(t => t.All(c => c))];

    private static HashSet<int> NumberTokens(ICheckpoint @base)
    {
        using JsonDocument vocabulary = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(@base.Folder!, "vocab.json")));
        return [.. vocabulary.RootElement.EnumerateObject().Where(t => int.TryParse(t.Name, out _)).Select(t => t.Value.GetInt32())];
    }
}
