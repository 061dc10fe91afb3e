using System.Diagnostics;
using System.Globalization;

namespace LayerSwap.Benchmarks.Planning;

/// <summary>Measures the time from a recipe's text to its plan, over very many tensors of one element each.</summary>
internal static class PlanProgram
{
    private const int TensorsPerLayer = 100;

    public static async Task<int> RunAsync(string[] options)
    {
        int tensors = int.Parse(ProgramOptions.GetValue(options, "--tensors") ?? "100000", CultureInfo.InvariantCulture);
        int rounds = int.Parse(ProgramOptions.GetValue(options, "--rounds") ?? "5", CultureInfo.InvariantCulture);
        string only = ProgramOptions.GetValue(options, "--only") ?? "";
        string root = Directory.CreateTempSubdirectory("layerswap-plan-").FullName;
        try
        {
            foreach (string model in (string[])["base", "math", "swahili"])
            {
                await Merge.Onto(Model(model, tensors)).SaveAsync(Path.Combine(root, model), new SaveOptions { Durable = false });
            }

            (string, string)[] recipes =
                [.. Recipes(tensors / TensorsPerLayer).Where(r => r.Name.Contains(only, StringComparison.Ordinal))];
            foreach ((string name, string text) in recipes)
            {
                double[] seconds = [.. Enumerable.Range(0, rounds).Select(_ => Plan(text, root, tensors)).Order()];
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name,-10} {tensors:N0} tensors of 3 models: {seconds[rounds / 2]:F2} s "
                        + $"(best {seconds[0]:F2}, worst {seconds[^1]:F2}, {rounds} rounds)"));
            }
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }

        return 0;
    }

    /// <summary>Times the parsing of the recipe, the opening of its models and the planning.</summary>
    /// <returns>The time in seconds.</returns>
    private static double Plan(string text, string root, int tensors)
    {
        long start = Stopwatch.GetTimestamp();
        using Recipe recipe = Recipe.Parse(text, root);
        MergePlan plan = recipe.ToMerge().Plan();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return plan.Tensors.Count == tensors
            ? seconds
            : throw new InvalidOperationException($"{plan.Tensors.Count} tensors were planned; {tensors} are expected.");
    }

    private static ICheckpoint Model(string name, int tensors)
    {
        string TensorName(int i) => string.Create(
            CultureInfo.InvariantCulture,
            $"model.layers.{i / TensorsPerLayer}.mlp.experts.{i % TensorsPerLayer}.w.weight");
        return Checkpoint.InMemory(name, Enumerable.Range(0, tensors).Select(i =>
            (new TensorInfo(TensorName(i), DType.BFloat16, new TensorShape(1)), (ReadOnlyMemory<byte>)new byte[2])));
    }

    private static (string Name, string Text)[] Recipes(int layers) =>
    [
        ("linear", "{merge_method: linear, models: [{model: base, parameters: {weight: 1}}, {model: math, parameters: {weight: 1}}, "
            + "{model: swahili, parameters: {weight: [0, 0.5, 1]}}]}"),
        ("ties", """
            merge_method: ties
            base_model: base
            models:
              - model: math
                parameters: {weight: [{filter: experts.7, value: [0.2, 0.8]}, {value: 0.5}], density: [1, 0.3]}
              - model: swahili
                parameters: {weight: 0.5, density: [{filter: mlp, value: [0.9, 0.2]}, {value: 0.7}]}
            """),
        ("slices", $$"""
            merge_method: linear
            slices:
              - sources:
                  - model: base
                    layer_range: [0, {{layers / 2}}]
                    parameters:
                      weight: 1
                  - model: math
                    layer_range: [0, {{layers / 2}}]
                    parameters:
                      weight: [0, 1]
              - sources:
                  - model: base
                    layer_range: [{{layers / 2}}, {{layers}}]
                    parameters:
                      weight: 1
                  - model: swahili
                    layer_range: [{{layers / 2}}, {{layers}}]
                    parameters:
                      weight: [0, 1]
            """),
        ("documents", """
            name: both
            merge_method: linear
            models: [{model: math, parameters: {weight: 1}}, {model: swahili, parameters: {weight: 1}}]
            ---
            merge_method: task_arithmetic
            base_model: base
            models: [{model: both, parameters: {weight: 1}}]
            """),
    ];
}
