namespace LayerSwap.Tests.Execution;

/// <summary>A merge for each method of the catalogue.</summary>
internal static class MethodMerges
{
    /// <summary>A base and two fine-tuned models with some equal deltas.</summary>
    public static ICheckpoint[] Models() =>
        [.. Enumerable.Range(0, 3).Select(i => SmallModels.Of(
            $"m{i}", DType.BFloat16, ("a", [37, 29], Noise(37 * 29, i)), ("b", [3, 5, 7], Noise(105, i)), ("c", [1001], Noise(1001, i)),
            ("d", [], Noise(1, i))))];

    /// <summary>A merge by a method with non-trivial parameters, over as many models as it accepts.</summary>
    public static MergeBuilder Of(string method, ICheckpoint[] models)
    {
        Dictionary<string, PerSource> given =
            new(StringComparer.Ordinal) { ["density"] = 0.6, ["select_topk"] = 0.4, ["scale"] = 0.7, ["threshold"] = 0.01 };
        MergeMethod found = MergeStrategies.Find(method);
        Dictionary<string, PerSource> values = new(given.Where(g => found.Parameters.Any(p => p.Name == g.Key)), StringComparer.Ordinal);
        if (method == "nearswap")
        {
            values["t"] = 0.01;
        }

        MergeBuilder builder = Merge.Onto(models[0]).With(models[1], 0.6).Using(found.Create(values));
        return method is "slerp" or "nearswap" or "arcee_fusion" or "expo" or "passthrough" or "threshold_interpolation"
            ? builder
            : models.Skip(2).Take(method == "nuslerp" ? 1 : int.MaxValue).Aggregate(builder, (all, model) => all.With(model, 0.3));
    }

    /// <summary>Values of a shared base plus deltas, of which many are equal.</summary>
    public static double[] Noise(int count, int model)
    {
        System.Random shared = new(count), own = new(model);
        return [
            .. Enumerable.Range(0, count).Select(
                _ => (shared.NextDouble() - 0.5) + (model == 0 ? 0 : own.Next(5) * own.NextDouble() * 0.01))];
    }
}
