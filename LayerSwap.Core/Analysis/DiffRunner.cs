using LayerSwap.Streaming;
using LayerSwap.Tensors;

namespace LayerSwap.Analysis;

/// <summary>Streams a base and its experts once, all tensors side by side.</summary>
internal static class DiffRunner
{
    public static LayerDiffReport Run(DiffRequest request, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        IReadOnlyList<ICheckpoint> all = [request.Base, .. request.Models];
        CheckFit(all);
        ILookup<bool, TensorInfo> tensors = request.Base.Tensors.ToLookup(t => all.All(c => c.Find(t.Name)!.DType.SupportsArithmetic()));
        TensorInfo[] measured = [.. tensors[true]];
        TensorChange[] changes = new TensorChange[measured.Length];
        TensorProfile[][] profiles = new TensorProfile[measured.Length][];
        ProgressMeter meter = new(progress, measured.Sum(t => all.Sum(c => c.Find(t.Name)!.ByteLength)));
        Pump pump = new(new Crew(request.Threads, cancellation));
        ProfileMaker maker = new(request);
        pump.Crew.Run(measured.Length, (worker, index) =>
        {
            TensorInfo tensor = measured[index];
            Operand[] operands = [.. all.Select(c => new Operand(c, c.Find(tensor.Name)!))];
            ChangeReduction reduction = new(request.Models.Count, maker.ColumnsOf(tensor));
            changes[index] = pump.Reduce(worker, operands, new SectionGrid(0, tensor.ElementCount), reduction, meter.Add);
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
            Skipped = [.. tensors[false].Select(t => t.Name)],
        };
        return DiffGrouping.Report(measurement, request.GroupedBy, request.RankedBy);
    }

    /// <summary>The same names and shapes everywhere; everything that differs is named at once.</summary>
    private static void CheckFit(IReadOnlyList<ICheckpoint> all)
    {
        Problems problems = new();
        ICheckpoint origin = all[0];
        string baseName = Printable.Escape(origin.Name);
        foreach (IGrouping<string, ICheckpoint> twice in all.Skip(1).GroupBy(m => m.Name, StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            problems.Add($"{Printable.Escape(twice.Key)} is compared {twice.Count()} times; figures of models are told apart by their names. Remedy: name each model once.");
        }

        foreach (ICheckpoint model in all.Skip(1))
        {
            string name = Printable.Escape(model.Name);
            foreach (TensorInfo tensor in origin.Tensors)
            {
                if (model.Find(tensor.Name) is not { } other)
                {
                    problems.Add($"{name} lacks tensors that the base {baseName} has; the same names are expected. Remedy: compare models of one architecture", tensor.Name);
                }
                else if (other.Shape != tensor.Shape)
                {
                    problems.Add($"Tensor {Printable.Escape(tensor.Name)} is {other.Shape} in {name}, but {tensor.Shape} in the base {baseName}; one shape is expected.");
                }
            }

            foreach (TensorInfo tensor in model.Tensors.Where(t => origin.Find(t.Name) is null))
            {
                problems.Add($"{name} has tensors that the base {baseName} lacks; the same names are expected. Remedy: compare models of one architecture", tensor.Name);
            }
        }

        problems.ThrowIfAny();
    }
}

/// <summary>What a diff is made from: the frozen state of its builder.</summary>
internal sealed record DiffRequest(ICheckpoint Base, IReadOnlyList<ICheckpoint> Models, LayerGrouping GroupedBy, DiffMetric RankedBy, bool WithProfiles, int Threads);
