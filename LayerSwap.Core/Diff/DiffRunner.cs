using LayerSwap.Checkpoints;
using LayerSwap.Common;
using LayerSwap.LayerMaps;
using LayerSwap.Streaming;

namespace LayerSwap.Diff;

/// <summary>Streams a base and its experts once, all tensors side by side.</summary>
internal static class DiffRunner
{
    public static LayerDiffReport Run(DiffRequest request, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        IReadOnlyList<ICheckpoint> all = [request.Base, .. request.Models];
        CheckFit(all);
        TensorInfo[] measured = [.. request.Base.Tensors.Where(t => all.All(c => c.Find(t.Name) is { } other && other.Shape == t.Shape && other.DType.SupportsArithmetic()))];
        HashSet<string> common = [.. measured.Select(t => t.Name)];
        TensorDelta[] changes = new TensorDelta[measured.Length];
        TensorProfile[][] profiles = new TensorProfile[measured.Length][];
        ProgressMeter meter = new(progress, measured.Sum(t => all.Sum(c => c.Find(t.Name)!.ByteLength)));
        BlockStreamer pump = new(new WorkerPool(request.Threads, cancellation));
        ProfileMaker maker = new(request);
        pump.Crew.Run(measured.Length, (worker, index) =>
        {
            TensorInfo tensor = measured[index];
            Operand[] operands = [.. all.Select(c => new Operand(c, c.Find(tensor.Name)!))];
            DeltaReduction reduction = new(request.Models.Count, maker.ColumnsOf(tensor));
            changes[index] = pump.Reduce(worker, operands, hasBase: true, new ChunkGrid(0, tensor.ElementCount), reduction, meter.Add);
            profiles[index] = maker.Finish(tensor, changes[index]);
        });
        meter.Finish();
        DiffMeasurement measurement = new()
        {
            Inputs = all,
            Map = LayerMap.Of(request.Base),
            Tensors = measured,
            Changes = changes,
            WithProfiles = request.WithProfiles,
            Profiles = [.. Enumerable.Range(0, request.Models.Count).SelectMany(m => profiles.Where(p => p.Length > 0).Select(p => p[m]))],
            Skipped = [.. all.SelectMany(c => c.Tensors).Select(t => t.Name).Where(n => !common.Contains(n)).Distinct(StringComparer.Ordinal)],
        };
        return DiffGrouping.Report(measurement, request.GroupedBy, request.RankedBy);
    }

    /// <summary>The same names and shapes everywhere; everything that differs is named at once.</summary>
    private static void CheckFit(IReadOnlyList<ICheckpoint> all)
    {
        ProblemList problems = new();
        ICheckpoint origin = all[0];
        string baseName = Printable.Escape(origin.Name);
        foreach (IGrouping<string, ICheckpoint> twice in all.Skip(1).GroupBy(m => m.Name, StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            problems.Add($"{Printable.Escape(twice.Key)} is compared {twice.Count()} times; figures of models are told apart by their names. Remedy: name each model once.");
        }

        foreach (ICheckpoint model in all)
        {
            StorageScheme scheme = StorageScheme.Of(model);
            if ((scheme.Adapter ?? scheme.Quantization) is { } stored)
            {
                problems.Add($"{Printable.Escape(model.Name)} is {(scheme.Adapter is null ? "quantised" : "an adapter")} ({stored}): the numbers stored are not the weights, and their differences mean nothing. "
                    + (scheme.Adapter is null ? "Remedy: dequantise it first, with the library that quantised it" : "Remedy: apply it to its base model first (PEFT: merge_and_unload)"));
            }
        }

        foreach (ICheckpoint model in all.Skip(1))
        {
            // What only some have, and tables of other sizes, are left out and listed. Models that hardly have anything in common are not compared.
            int common = origin.Tensors.Count(t => model.Find(t.Name)?.Shape == t.Shape);
            if (common * 2 < Math.Max(origin.Tensors.Count, model.Tensors.Count))
            {
                problems.Add(NameDifference.Reason(origin, model)
                    ?? $"{Printable.Escape(model.Name)} and the base {baseName} have {common} tensors in common by name and shape, of {model.Tensors.Count} and {origin.Tensors.Count}; models of one architecture are expected. {Example(origin, model)}Remedy: compare a model with the one that it was fine-tuned from.");
            }
        }

        problems.ThrowIfAny();
    }

    /// <summary>A few tensors of each kind that show the difference.</summary>
    private static string Example(ICheckpoint origin, ICheckpoint model)
    {
        const int Shown = 3;
        string Names(IEnumerable<TensorInfo> tensors, string what)
        {
            string[] names = [.. tensors.Take(Shown + 1).Select(t => Printable.Escape(t.Name))];
            return names.Length == 0 ? "" : $"{what}: {string.Join(", ", names.Take(Shown))}{(names.Length > Shown ? ", ..." : "")}. ";
        }

        TensorInfo? shaped = origin.Tensors.FirstOrDefault(t => model.Find(t.Name) is { } other && other.Shape != t.Shape);
        return Names(origin.Tensors.Where(t => model.Find(t.Name) is null), "In the base alone") + Names(model.Tensors.Where(t => origin.Find(t.Name) is null), "Not in the base")
            + (shaped is null ? "" : $"{Printable.Escape(shaped.Name)} is {model.Find(shaped.Name)!.Shape} in the one and {shaped.Shape} in the other. ");
    }
}

/// <summary>What a diff is made from: the frozen state of its builder.</summary>
internal sealed record DiffRequest(ICheckpoint Base, IReadOnlyList<ICheckpoint> Models, LayerGrouping GroupedBy, DiffMetric RankedBy, bool WithProfiles, int Threads);
