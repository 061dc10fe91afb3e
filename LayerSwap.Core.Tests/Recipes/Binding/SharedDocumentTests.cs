namespace LayerSwap.Tests.Recipes;

/// <summary>Shared documents are not computed once for each use.</summary>
public sealed class SharedDocumentTests : IDisposable
{
    private readonly TempFolder _temp = new(inMemory: true);

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData("twice")]
    [InlineData("the last two")]
    [InlineData("as base and as model")]
    public async Task Thirty_chained_documents_give_the_expected_values(string how)
    {
        SmallModel("a", [1, 2, 3, 4]);
        SmallModel("b", [3, 2, 1, 0]);
        List<string> documents = [Document("d0", "a", "b"), Document("d1", "d0", "b")];
        List<double> first = [2, 2.5];
        for (int i = 2; i < 30; i++)
        {
            documents.Add(how switch
            {
                "twice" => Document($"d{i}", $"d{i - 1}", $"d{i - 1}"),
                "the last two" => Document($"d{i}", $"d{i - 2}", $"d{i - 1}"),
                _ => $"name: d{i}\nmerge_method: task_arithmetic\nbase_model: d{i - 1}\n"
                    + $"models: [{{model: d{i - 1}, parameters: {{weight: 0.5}}}}]\nparameters: {{lambda: 1}}",
            });
            first.Add(how == "the last two" ? (first[i - 2] + first[i - 1]) / 2 : first[i - 1]);
        }

        documents[^1] = documents[^1].Replace("name: d29\n", "", StringComparison.Ordinal);
        using Recipe recipe = Recipe.Parse(string.Join("\n---\n", documents), _temp.Path);
        MergePlan plan = recipe.ToMerge().Plan();
        await plan.ExecuteAsync(_temp["out"]);
        using ICheckpoint merged = Checkpoint.Open(_temp["out"]);
        double[] found = SmallModels.Values(merged, "w");
        Assert.True(Math.Abs(found[0] - first[^1]) < 1e-5, $"{found[0]} where {first[^1]} is expected");
        // The estimate includes the buffers of each document.
        Assert.True(plan.PeakMemoryBytes is > 80_000_000 and < 400_000_000, $"{plan.PeakMemoryBytes}");
    }

    private static string Document(string name, string one, string two) =>
        $"name: {name}\nmerge_method: linear\nmodels: [{{model: {one}, parameters: {{weight: 0.5}}}}, {{model: {two}, parameters: "
            + "{weight: 0.5}}]";

    private void SmallModel(string name, double[] values) =>
        Merge.Onto(SmallModels.Of(name, DType.Float32, ("w", [4], values))).SaveAsync(_temp[name]).GetAwaiter().GetResult();
}
