using System.Diagnostics;
using System.Globalization;
using LayerSwap.Benchmarks.Synthetic;

namespace LayerSwap.Benchmarks.Floor;

/// <summary>
/// Compares whole operations with plain loops that do the same reads and writes without arithmetic.
/// Rounds are interleaved and medians taken, so that noise affects both sides alike.
/// </summary>
internal static class FloorProgram
{
    private const string FileCopy = "File.Copy of one model";
    private const string DurableCopy = "File.Copy, synced and read back";
    private const string CopyOf1 = "plain copy loop, 1 in";
    private const string CopyOf2 = "plain copy loop, 2 in";
    private const string CopyOf3 = "plain copy loop, 3 in";
    private const string ReadOf1 = "plain read loop, 1 in";
    private const string ReadOf3 = "plain read loop, 3 in";

    public static async Task<int> RunAsync(string[] options)
    {
        if (ProgramOptions.GetValue(options, "--instructions") is { } instructions)
        {
            return await RunWithAsync(instructions, options);
        }

        long size = ByteSize.TryParse(ProgramOptions.GetValue(options, "--size") ?? "1GiB", out long bytes)
            ? bytes
            : throw new ArgumentException("--size: a size such as 1GiB is expected.");
        int threads = ProgramOptions.GetValue(options, "--threads") is { } count
            ? int.Parse(count, CultureInfo.InvariantCulture)
            : Environment.ProcessorCount;
        string only = ProgramOptions.GetValue(options, "--only") ?? "";
        int rounds = int.Parse(ProgramOptions.GetValue(options, "--rounds") ?? "5", CultureInfo.InvariantCulture);
        // Models in the folder of --dir are kept for the next run.
        string? kept = ProgramOptions.GetValue(options, "--dir");
        string root = Path.Combine(kept ?? Path.GetTempPath(), "layerswap-floor");
        Directory.CreateDirectory(root);
        string[] paths = [.. new[] { "base", "math", "swahili" }.Select(n => Path.Combine(root, n))];
        await MakeModelsAsync(paths, size);

        using ICheckpoint baseModel = Checkpoint.Open(paths[0]), math = Checkpoint.Open(paths[1]), swahili = Checkpoint.Open(paths[2]);
        string adapter = Path.Combine(root, "adapter");
        if (!Directory.Exists(adapter))
        {
            GeneratedAdapter.Write(adapter, baseModel, rank: 16);
        }

        using ICheckpoint adapted = Checkpoint.Open($"{paths[0]}+{adapter}");
        string target = Path.Combine(root, "out"), file = Path.Combine(root, "copy");
        string[] files = [.. paths.Select(p => Path.Combine(p, "model.safetensors"))];
        // The baselines neither sync nor read back, so their merges do not either. Durable merges have their own rows.
        SaveOptions fast = new() { Durable = false };

        // Operations of one model, of both experts without weights, and of both experts with weights.
        MergeBuilder One() => Merge.Onto(baseModel).With(math);
        MergeBuilder Two() => Merge.Onto(baseModel).With(math).With(swahili);
        MergeBuilder Weighted() => Merge.Onto(baseModel).With(math, 0.6).With(swahili, 0.4);
        Operation Loop(string name, string? floor, double models, Action run) => new(name, floor, models, null, () => Task.Run(run));
        Operation Save(string name, string floor, double models, double? limit, Func<MergeBuilder> merge) =>
            new(name, floor, models, limit, () => merge().OnThreads(threads).SaveAsync(target, fast));
        LayerSwapOptions pure = new()
        {
            TransitionBottom = 0,
            TransitionTop = 0,
            Embeddings = OutsidePolicy.Task,
            Norm = OutsidePolicy.Task,
            Head = OutsidePolicy.Task,
        };
        DareOptions dareTies = new() { Density = 0.5, SignConsensus = true };
        LayerDiff diff = LayerDiff.From(baseModel).To(math, swahili).OnThreads(threads);
        Operation[] operations =
        [
            Loop(FileCopy, null, 2, () => File.Copy(files[1], file)),
            Loop(CopyOf1, null, 2, () => CopyLoop.Run(files[1..2], file, 1)),
            Loop(CopyOf2, null, 3, () => CopyLoop.Run(files[1..], file, 1)),
            Loop(CopyOf3, null, 4, () => CopyLoop.Run(files, file, 1)),
            Loop(ReadOf1, null, 1, () => CopyLoop.Run(files[1..2], null, 1)),
            Loop(ReadOf3, null, 3, () => CopyLoop.Run(files, null, 1)),
            Loop("threaded copy loop, 3 in", CopyOf3, 4, () => CopyLoop.Run(files, file, threads)),
            Save("swap, pure", FileCopy, 2, 1.1, () => Merge.LayerSwap(math, swahili, pure)),
            Save("swap, paper", FileCopy, 2.4, 1.1, () => Merge.LayerSwap(math, swahili)),
            Save("linear of 2", CopyOf2, 3, 1.3, () => Merge.Soup(math, swahili)),
            Save("linear of 3", CopyOf3, 4, 1.3, () => Merge.Soup(baseModel, math, swahili)),
            Save("task_arithmetic of 2", CopyOf3, 4, 1.3, () => Weighted().TaskArithmetic(0.8)),
            Save("slerp", CopyOf2, 3, 2, () => One().Using(MergeStrategies.Slerp(0.5))),
            Save("karcher of 3", CopyOf3, 4, null, () => Two().Using(MergeStrategies.Karcher())),
            Save("model_stock", CopyOf3, 4, 2, () => Weighted().Using(MergeStrategies.ModelStock())),
            Save("ties", CopyOf3, 4, 4.5, () => Weighted().Using(MergeStrategies.Ties(0.2))),
            Save("breadcrumbs", CopyOf3, 4, 4.5, () => Weighted().Using(MergeStrategies.Breadcrumbs(new() { Density = 0.9 }))),
            Save("dare_ties", CopyOf3, 4, 4.5, () => Weighted().Using(MergeStrategies.Dare(dareTies))),
            Save("della", CopyOf3, 4, 6, () => Weighted().Using(MergeStrategies.Della(new() { Density = 0.5 }))),
            Save("sce", CopyOf3, 4, 4.5, () => Weighted().Using(MergeStrategies.Sce(0.2))),
            Save("adapter of rank 16", CopyOf1, 2, 2, () => Merge.Onto(adapted)),
            new("diff of 2", ReadOf3, 3, 1.6, () => diff.RunAsync()),
            new("diff of 2 with profiles", ReadOf3, 3, null, () => diff.WithProfiles().RunAsync()),
            new("verify", ReadOf1, 1, null, () => Checkpoint.VerifyAsync(paths[1])),
        ];
        // In rounds of their own: writes after a sync wait for the device.
        Operation[] durable =
        [
            Loop(DurableCopy, null, 3, () => CopyLoop.RunDurably(files[1], file)),
            new("swap, paper, durable", DurableCopy, 3.4, null, () => Merge.LayerSwap(math, swahili).OnThreads(threads).SaveAsync(target)),
        ];
        // --only is a name, or a part of names. --alone leaves out the loops, whose page cache would evict parts of the program at
        // sizes near the memory's.
        bool named = operations.Any(o => o.Name == only);
        bool alone = options.Contains("--alone");
        bool IsChosen(Operation o) => named ? o.Name == only : o.Name.Contains(only, StringComparison.Ordinal);
        operations = [.. operations.Where(o => o.Baseline is null ? !alone : IsChosen(o))];
        try
        {
            Measurement[] results =
            [
                .. await InterleavedTimer.MeasureAsync(operations, rounds, () => Clear(target, file)),
                .. await InterleavedTimer.MeasureAsync(only.Length == 0 ? durable : [], rounds, () => Clear(target, file)),
            ];
            string table = FloorTable.Of(results, size, threads, rounds);
            Console.WriteLine(table);
            if (only.Length == 0 && !alone)
            {
                string folder = ProgramOptions.GetValue(options, "--results")
                    ?? Checkout.FindFolder("LayerSwap.Benchmarks/Results", "--results");
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

    /// <summary>Writes the three models, one file each. Swahili changed the outer layers most, math the middle ones.</summary>
    private static async Task MakeModelsAsync(string[] paths, long size)
    {
        LlamaShape shape = LlamaShape.OfSize(size);
        bool IsMiddle(int? layer) => layer is >= 5 and < 14;
        Func<int?, double>?[] deltas = [null, layer => IsMiddle(layer) ? 0.002 : 0.0005, layer => IsMiddle(layer) ? 0.0005 : 0.002];
        for (int i = 0; i < paths.Length; i++)
        {
            if (!Directory.Exists(paths[i]))
            {
                GeneratedModel model = new(Path.GetFileName(paths[i]), shape, i, deltas[i]);
                await Merge.Onto(model).InShardsOf(2 * size).SaveAsync(paths[i]);
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

    /// <summary>Runs the program again in a child process that may use fewer instructions: the runtime reads these switches when it
    /// starts.</summary>
    private static async Task<int> RunWithAsync(string instructions, string[] options)
    {
        string @switch = instructions switch
        {
            "avx2" => "DOTNET_EnableAVX512",
            "scalar" => "DOTNET_EnableHWIntrinsic",
            _ => throw new ArgumentException($"--instructions {instructions}: avx2 or scalar is expected."),
        };
        int at = Array.IndexOf(options, "--instructions");
        string host = Environment.ProcessPath!;
        string[] assembly = Path.GetFileNameWithoutExtension(host) == "dotnet" ? [typeof(FloorProgram).Assembly.Location] : [];
        ProcessStartInfo start = new(host, [.. assembly, "floor", .. options[..at], .. options[(at + 2)..]]) { UseShellExecute = false };
        start.Environment[@switch] = "0";
        using Process process = Process.Start(start)!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
