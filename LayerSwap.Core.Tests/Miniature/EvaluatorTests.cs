using System.Text.Json;
using LayerSwap.Benchmarks.Forward;
using LayerSwap.Benchmarks.Paper;

namespace LayerSwap.Tests.Miniature;

/// <summary>Compares answers of several tokens with another implementation, on the second set of trained models.</summary>
public sealed class EvaluatorTests : IDisposable
{
    private readonly Dictionary<string, ICheckpoint> _models = ((string[])["base", "math", "sahili", "math-2", "sahili-2"])
        .ToDictionary(n => n, n => Checkpoint.Open(Fixture.Set2(n)), StringComparer.Ordinal);

    private readonly Problem[] _problems = Problem.Read(Fixture.Path("miniature-2", "test.jsonl"));
    private readonly JsonElement _expected =
        JsonDocument.Parse(File.ReadAllText(Fixture.Path("miniature-2", "expected.json"))).RootElement;

    public void Dispose()
    {
        foreach (ICheckpoint model in _models.Values)
        {
            model.Dispose();
        }
    }

    [Fact]
    public void Accuracies_agree_also_where_models_share_layers()
    {
        Evaluator evaluator = new(_problems);
        JsonElement pair = _expected.GetProperty("pairs").GetProperty("math + sahili");
        foreach ((int bottom, int top) in ((int, int)[])[(4, 0), (4, 1), (0, 1)])
        {
            string name = $"swap {bottom},{top},0";
            using ICheckpoint merged = Merge.LayerSwap(_models["math"], _models["sahili"], bottom, top, 0).Plan().AsCheckpoint();

            bool[][] reused = evaluator.Evaluate(merged);

            double accuracy = reused.Count(a => a.All(t => t)) / (double)_problems.Length;
            Assert.Equal(pair.GetProperty(name).GetProperty("test").GetDouble(), accuracy, 0.002);
            Assert.Equal(new Evaluator(_problems[..64]).Evaluate(merged), reused[..64]);
        }
    }

    [Fact]
    public void Logits_at_the_first_position_of_answers_agree()
    {
        foreach (JsonElement record in _expected.GetProperty("logits").EnumerateArray())
        {
            if (_models.TryGetValue(record.GetProperty("model").GetString()!, out ICheckpoint? model))
            {
                int problem = record.GetProperty("problem").GetInt32();
                float[] logits = Llama.Load(model).LastLogits([_problems[problem].Prompt])[0];
                foreach (JsonElement top in record.GetProperty("top3").EnumerateArray())
                {
                    Assert.Equal(top[1].GetDouble(), logits[top[0].GetInt32()], 2e-3);
                }
            }
        }
    }

    [Fact]
    public async Task The_language_expert_changed_the_outer_layers_most()
    {
        LayerDiffReport diff = await LayerDiff.From(_models["base"]).To(_models["math"], _models["sahili"]).RunAsync();

        int[] layers = [.. diff.Entries
            .Where(e => e.Model == _models["sahili"].Name && e.Layer is not null)
            .OrderByDescending(e => e.MeanAbsolute)
            .Select(e => e.Layer!.Value)];

        Assert.Equal([0, 9, 8], layers[..3]);
        Assert.Empty(diff.Findings);
    }

    [Fact]
    public void Paired_differences_count_what_only_one_solves()
    {
        PairedDifference difference = PairedDifference.Compute(
            [[true, true, false, true], [true, false, false, true]],
            [[true, false, true, false], [false, false, false, false]]);

        Assert.Equal([(2, 1), (2, 0)], difference.Pairs);
        Assert.Equal((0.5 + 0.5 - 0.5 + 1) / 4, difference.Mean, 1e-12);
        double[] means = [0.5, 0.5, -0.5, 1];
        Assert.Equal(Math.Sqrt(means.Sum(m => (m - 0.375) * (m - 0.375)) / 3 / 4), difference.StandardError, 1e-12);
        Assert.Equal(1 / Math.Sqrt(3), PairedDifference.Z(difference.Pairs[0]), 1e-12);
    }
}
