using LayerSwap.Checkpoints;
using LayerSwap.Common;
using LayerSwap.Streaming;

namespace LayerSwap.Diff;

/// <summary>Measures the deltas of all models in one pass over the base and the models.</summary>
internal static class DiffRunner
{
    public static LayerDiffReport Run(DiffRequest request, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        IReadOnlyList<ICheckpoint> all = [request.Base, .. request.Models];
        CheckFit(all);
        TensorInfo[] measured = [.. request.Base.Tensors.Where(t => all.All(c => IsComparable(c, t)))];
        HashSet<string> common = [.. measured.Select(t => t.Name)];
        TensorDelta[] deltas = new TensorDelta[measured.Length];
        TensorProfile[][] profiles = new TensorProfile[measured.Length][];
        ProgressMeter meter = new(progress, measured.Sum(t => all.Sum(c => c.Find(t.Name)!.ByteLength)));
        BlockStreamer streamer = new(new WorkerPool(request.Threads, cancellation));
        ProfileBuilder profileMaker = new(request);
        streamer.Pool.Run(measured.Length, (worker, index) =>
        {
            TensorInfo tensor = measured[index];
            Operand[] operands = [.. all.Select(c => new Operand(c, c.Find(tensor.Name)!))];
            DeltaReduction reduction = new(request.Models.Count, profileMaker.GetRowLength(tensor));
            ChunkGrid grid = new(0, tensor.ElementCount);
            deltas[index] = streamer.Reduce(worker, operands, hasBase: true, grid, reduction, meter.Add);
            profiles[index] = profileMaker.Build(tensor, deltas[index]);
        });
        meter.Finish();
        DiffMeasurement measurement = new()
        {
            Inputs = all,
            Map = LayerMap.Of(request.Base),
            Tensors = measured,
            Deltas = deltas,
            HasProfiles = request.WithProfiles,
            Profiles =
            [
                .. Enumerable.Range(0, request.Models.Count)
                    .SelectMany(m => profiles.Where(p => p.Length > 0).Select(p => p[m])),
            ],
            Skipped =
            [
                .. all.SelectMany(c => c.Tensors)
                    .Select(t => t.Name)
                    .Where(n => !common.Contains(n))
                    .Distinct(StringComparer.Ordinal),
            ],
        };
        return DiffGrouping.CreateReport(measurement, request.GroupedBy, request.RankedBy);
    }

    private static bool IsComparable(ICheckpoint checkpoint, TensorInfo tensor) =>
        checkpoint.Find(tensor.Name) is { } found && found.Shape == tensor.Shape && found.DType.SupportsArithmetic();

    /// <summary>Checks that the models can be compared, and reports every problem at once.</summary>
    private static void CheckFit(IReadOnlyList<ICheckpoint> all)
    {
        ProblemList problems = new();
        CheckNames(all, problems);
        CheckStorage(all, problems);
        CheckTensors(all, problems);
        problems.ThrowIfAny();
    }

    private static void CheckNames(IReadOnlyList<ICheckpoint> all, ProblemList problems)
    {
        var duplicates = all.Skip(1).GroupBy(m => m.Name, StringComparer.Ordinal).Where(g => g.Count() > 1);
        foreach (IGrouping<string, ICheckpoint> duplicate in duplicates)
        {
            problems.Add($"{Printable.Escape(duplicate.Key)} is compared {duplicate.Count()} times; "
                + "results are identified by model name. Remedy: name each model once.");
        }
    }

    private static void CheckStorage(IReadOnlyList<ICheckpoint> all, ProblemList problems)
    {
        foreach (ICheckpoint model in all)
        {
            StorageScheme scheme = StorageScheme.Detect(model);
            if ((scheme.Adapter ?? scheme.Quantization) is { } stored)
            {
                (string kind, string remedy) = scheme.Adapter is null
                    ? ("quantised", "dequantise it first, with the library that quantised it")
                    : ("an adapter", "apply it to its base model first (PEFT: merge_and_unload)");
                problems.Add($"{Printable.Escape(model.Name)} is {kind} ({stored}): the numbers stored are not the weights, "
                    + $"and their differences mean nothing. Remedy: {remedy}");
            }
        }
    }

    /// <summary>Checks that every model has at least half of its tensors in common with the base, by name and shape.</summary>
    private static void CheckTensors(IReadOnlyList<ICheckpoint> all, ProblemList problems)
    {
        ICheckpoint baseModel = all[0];
        foreach (ICheckpoint model in all.Skip(1))
        {
            int common = baseModel.Tensors.Count(t => model.Find(t.Name)?.Shape == t.Shape);
            if (common * 2 < Math.Max(baseModel.Tensors.Count, model.Tensors.Count))
            {
                problems.Add(NameDifference.Explain(baseModel, model)
                    ?? $"{Printable.Escape(model.Name)} and the base {Printable.Escape(baseModel.Name)} have {common} tensors in common "
                        + $"by name and shape, of {model.Tensors.Count} and {baseModel.Tensors.Count}; "
                        + $"models of one architecture are expected. {DescribeDifference(baseModel, model)}"
                        + "Remedy: compare a model with the one that it was fine-tuned from.");
            }
        }
    }

    /// <summary>Names a few tensors that differ.</summary>
    private static string DescribeDifference(ICheckpoint baseModel, ICheckpoint model)
    {
        const int Shown = 3;
        string Names(IEnumerable<TensorInfo> tensors, string title)
        {
            string[] names = [.. tensors.Take(Shown + 1).Select(t => Printable.Escape(t.Name))];
            return names.Length == 0 ? "" : $"{title}: {string.Join(", ", names.Take(Shown))}{(names.Length > Shown ? ", ..." : "")}. ";
        }

        string onlyInBase = Names(baseModel.Tensors.Where(t => model.Find(t.Name) is null), "In the base alone");
        string onlyInModel = Names(model.Tensors.Where(t => baseModel.Find(t.Name) is null), "Not in the base");
        TensorInfo? reshaped = baseModel.Tensors.FirstOrDefault(t => model.Find(t.Name) is { } found && found.Shape != t.Shape);
        string shapes = reshaped is null ? ""
            : $"{Printable.Escape(reshaped.Name)} is {model.Find(reshaped.Name)!.Shape} in the one and {reshaped.Shape} in the other. ";
        return onlyInBase + onlyInModel + shapes;
    }
}

/// <summary>The inputs and options of a diff, as its builder had them.</summary>
internal sealed record DiffRequest(
    ICheckpoint Base,
    IReadOnlyList<ICheckpoint> Models,
    LayerGrouping GroupedBy,
    DiffMetric RankedBy,
    bool WithProfiles,
    int Threads);
