using System.Globalization;
using LayerSwap.Benchmarks.Synthetic;
using LayerSwap.Merging;

namespace LayerSwap.Benchmarks.Floor;

/// <summary>
/// How far whole operations are from the floor: plain loops that do the same reads and writes and no arithmetic. Rounds are interleaved and medians taken, so that
/// a noisy machine spoils both sides alike.
/// </summary>
internal static class FloorProgram
{
    public static async Task<int> RunAsync(string[] options)
    {
        long size = ByteSize.TryParse(ProgramOptions.Value(options, "--size") ?? "1GiB", out long bytes) ? bytes : throw new ArgumentException("--size: a size such as 1GiB is expected.");
        int threads = int.Parse(ProgramOptions.Value(options, "--threads") ?? Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        string only = ProgramOptions.Value(options, "--only") ?? "";
        int rounds = int.Parse(ProgramOptions.Value(options, "--rounds") ?? "5", CultureInfo.InvariantCulture);
        // Models in a folder that was named stay there for the next run.
        string? kept = ProgramOptions.Value(options, "--dir");
        string root = Path.Combine(kept ?? Path.GetTempPath(), "layerswap-floor");
        Directory.CreateDirectory(root);
        string[] paths = [.. new[] { "base", "math", "swahili" }.Select(n => Path.Combine(root, n))];
        await MakeModelsAsync(paths, size);

        using ICheckpoint origin = Checkpoint.Open(paths[0]), math = Checkpoint.Open(paths[1]), swahili = Checkpoint.Open(paths[2]);
        string target = Path.Combine(root, "out"), file = Path.Combine(root, "copy");
        MergeBuilder Both() => Merge.Onto(origin).With(math, 0.6).With(swahili, 0.4).OnThreads(threads);
        string[] files = [.. paths.Select(p => Path.Combine(p, "model.safetensors"))];
        // The floor neither syncs nor reads back; nor does what is held against it. What that costs has rows of its own.
        SaveOptions fast = new() { Durable = false };
        Operation[] operations =
        [
            new("File.Copy of one model", null, 2, null, () => Task.Run(() => File.Copy(files[1], file))),
            new("plain copy loop, 2 in", null, 3, null, () => Task.Run(() => CopyLoop.Run(files[1..], file, 1))),
            new("plain copy loop, 3 in", null, 4, null, () => Task.Run(() => CopyLoop.Run(files, file, 1))),
            new("plain read loop, 1 in", null, 1, null, () => Task.Run(() => CopyLoop.Run(files[1..2], null, 1))),
            new("plain read loop, 3 in", null, 3, null, () => Task.Run(() => CopyLoop.Run(files, null, 1))),
            new("threaded copy loop, 3 in", "plain copy loop, 3 in", 4, null, () => Task.Run(() => CopyLoop.Run(files, file, threads))),
            new("swap, pure", "File.Copy of one model", 2, 1.1, () => Merge.LayerSwap(math, swahili, new LayerSwapOptions
            {
                TransitionBottom = 0, TransitionTop = 0, Embeddings = OutsidePolicy.Task, Norm = OutsidePolicy.Task, Head = OutsidePolicy.Task,
            }).OnThreads(threads).SaveAsync(target, fast)),
            new("swap, paper", "File.Copy of one model", 2.4, 1.1, () => Merge.LayerSwap(math, swahili).OnThreads(threads).SaveAsync(target, fast)),
            new("linear of 2", "plain copy loop, 2 in", 3, 1.25, () => Merge.Soup(math, swahili).OnThreads(threads).SaveAsync(target, fast)),
            new("linear of 3", "plain copy loop, 3 in", 4, 1.25, () => Merge.Soup(origin, math, swahili).OnThreads(threads).SaveAsync(target, fast)),
            new("task_arithmetic of 2", "plain copy loop, 3 in", 4, 1.25, () => Merge.Onto(origin).With(math, 0.6).With(swahili, 0.4).TaskArithmetic(0.8).OnThreads(threads).SaveAsync(target, fast)),
            new("slerp", "plain copy loop, 2 in", 3, 2, () => Merge.Onto(origin).With(math).Using(MergeStrategies.Slerp(0.5)).OnThreads(threads).SaveAsync(target, fast)),
            new("karcher of 3", "plain copy loop, 3 in", 4, null, () => Merge.Onto(origin).With(math).With(swahili).Using(MergeStrategies.Karcher()).OnThreads(threads).SaveAsync(target, fast)),
            new("model_stock", "plain copy loop, 3 in", 4, 2, () => Both().Using(MergeStrategies.ModelStock()).SaveAsync(target, fast)),
            new("ties", "plain copy loop, 3 in", 4, 3.5, () => Both().Using(MergeStrategies.Ties(0.2)).SaveAsync(target, fast)),
            new("breadcrumbs", "plain copy loop, 3 in", 4, 3.5, () => Both().Using(MergeStrategies.Breadcrumbs(new() { Density = 0.9 })).SaveAsync(target, fast)),
            new("dare_ties", "plain copy loop, 3 in", 4, 3.5, () => Both().Using(MergeStrategies.Dare(new() { Density = 0.5, SignConsensus = true })).SaveAsync(target, fast)),
            new("della", "plain copy loop, 3 in", 4, 3.5, () => Both().Using(MergeStrategies.Della(new() { Density = 0.5 })).SaveAsync(target, fast)),
            new("sce", "plain copy loop, 3 in", 4, 3.5, () => Both().Using(MergeStrategies.Sce(0.2)).SaveAsync(target, fast)),
            new("diff of 2", "plain read loop, 3 in", 3, 1.5, () => LayerDiff.From(origin).To(math, swahili).OnThreads(threads).RunAsync()),
            new("diff of 2 with profiles", "plain read loop, 3 in", 3, null, () => LayerDiff.From(origin).To(math, swahili).WithProfiles().OnThreads(threads).RunAsync()),
            new("verify", "plain read loop, 1 in", 1, null, () => Checkpoint.VerifyAsync(paths[1])),
        ];
        // Rounds of their own: what is written after a sync waits for the device.
        Operation[] durable =
        [
            new("File.Copy, synced and read back", null, 3, null, () => Task.Run(() => CopyLoop.RunDurably(files[1], file))),
            new("swap, paper, durable", "File.Copy, synced and read back", 3.4, null, () => Merge.LayerSwap(math, swahili).OnThreads(threads).SaveAsync(target)),
        ];
        // A name, or a part of the names, to look at one operation: loops are measured with it, unless it is to be alone.
        bool named = operations.Any(o => o.Name == only);
        // For memory at sizes where what loops read and write would push parts of the program itself out of it.
        bool alone = options.Contains("--alone");
        operations = [.. operations.Where(o => o.Floor is null ? !alone : (named ? o.Name == only : o.Name.Contains(only, StringComparison.Ordinal)))];
        try
        {
            Measurement[] results = [.. await Stopwatches.MeasureAsync(operations, rounds, () => Clear(target, file)), .. await Stopwatches.MeasureAsync(only.Length == 0 ? durable : [], rounds, () => Clear(target, file))];
            string table = FloorTable.Of(results, size, threads, rounds);
            Console.WriteLine(table);
            if (only.Length == 0 && !alone)
            {
                string folder = ProgramOptions.Value(options, "--results") ?? Checkout.Folder("LayerSwap.Benchmarks/Results", "--results");
                Directory.CreateDirectory(folder);
                File.WriteAllText(Path.Combine(folder, "floor.md"), table);
                File.WriteAllText(Path.Combine(folder, "floor.json"), FloorTable.Json(results, size, threads, rounds));
            }
        }
        finally
        {
            Clear(target, file);
            if (kept is null)
            {
                Directory.Delete(root, recursive: true);
            }
        }

        return 0;
    }

    /// <summary>Writes the three models, a file each, for the loops read whole files; language changes outside, task changes in the middle.</summary>
    private static async Task MakeModelsAsync(string[] paths, long size)
    {
        LlamaShape shape = LlamaShape.OfSize(size);
        Func<int?, double>?[] changes = [null, layer => layer is >= 5 and < 14 ? 0.002 : 0.0005, layer => layer is >= 5 and < 14 ? 0.0005 : 0.002];
        for (int i = 0; i < paths.Length; i++)
        {
            if (!Directory.Exists(paths[i]))
            {
                await Merge.Onto(new GeneratedModel(Path.GetFileName(paths[i]), shape, i, changes[i])).InShardsOf(2 * size).SaveAsync(paths[i]);
            }
        }
    }

    private static void Clear(string target, string file)
    {
        if (Directory.Exists(target))
        {
            Directory.Delete(target, recursive: true);
        }

        File.Delete(file);
    }
}
