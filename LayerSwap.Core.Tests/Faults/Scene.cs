using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>Three tiny models on disk, an old output to be overwritten, and the output of an uninterrupted run for comparison.</summary>
internal sealed class Scene : IDisposable
{
    private readonly TempFolder _folder = new(inMemory: true);
    private readonly string[] _inputs;
    private readonly Func<ICheckpoint[], MergeBuilder> _build;
    private readonly ICheckpoint[] _models;
    private readonly string[] _untouched;
    private int _stages;

    private Scene(Func<ICheckpoint[], MergeBuilder> build, bool overwrite, bool companions = false)
    {
        _build = build;
        Overwrite = overwrite;
        _inputs = [.. Enumerable.Range(0, 3).Select(i => Folders.Save(Tiny($"m{i}", i), _folder["inputs", $"m{i}"]))];
        foreach (string input in companions ? _inputs : [])
        {
            File.WriteAllText(Path.Combine(input, "config.json"), """{"model_type": "llama"}""");
            File.WriteAllText(Path.Combine(input, "tokenizer.json"), """{"model": {"vocab": {"a": 0}}}""");
            File.WriteAllText(Path.Combine(input, "LICENSE"), "free");
        }

        _models = [.. _inputs.Select(Checkpoint.Open)];
        _untouched = Folders.Snapshot(_folder["inputs"]);
        Folders.Save(Tiny("old", 7), _folder["old"]);
        File.WriteAllText(_folder["old", "NOTICE"], "mine");
        Old = Contents(_folder["old"]);
        Plan().ExecuteAsync(_folder["undisturbed", "out"]).GetAwaiter().GetResult();
        New = Contents(_folder["undisturbed", "out"]);
    }

    public bool Overwrite { get; }

    /// <summary>The bytes of the old output, by file.</summary>
    public SortedDictionary<string, byte[]> Old { get; }

    /// <summary>The bytes of the output of an uninterrupted run, by file.</summary>
    public SortedDictionary<string, byte[]> New { get; }

    /// <summary>The inputs' folders.</summary>
    public IReadOnlyList<string> Inputs => _inputs;

    public string this[params string[] parts] => _folder[parts];

    public static Scene Swap() => new(m => Merge.LayerSwap(m[0], m[1], 1, 1, 0), overwrite: false);

    public static Scene Linear() => new(m => Merge.Soup(m), overwrite: false);

    public static Scene Sharded() => new(m => Merge.Soup(m).InShardsOf(100), overwrite: false);

    /// <summary>Four files, to be divided among parts.</summary>
    public static Scene Parts(bool overwrite) => new(m => Merge.Soup(m).InShardsOf(100), overwrite);

    public static Scene Overwriting() => new(m => Merge.Soup(m), overwrite: true);

    /// <summary>Models with auxiliary files.</summary>
    public static Scene Companions() => new(m => Merge.Soup(m), overwrite: true, companions: true);

    public static Scene Of(Func<ICheckpoint[], MergeBuilder> build) => new(build, overwrite: false);

    public static Scene Of(string name) => name switch
    {
        "swap" => Swap(),
        "merge" => Linear(),
        "sharded merge" => Sharded(),
        "overwrite" => Overwriting(),
        "companions" => Companions(),
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };

    /// <summary>A new plan. A plan that was executed has cached state.</summary>
    public MergePlan Plan() => _build(_models).OnThreads(1).Plan();

    public MergePlan Plan(Func<MergeBuilder, MergeBuilder> change) => change(_build(_models)).OnThreads(1).Plan();

    /// <summary>A folder for an output called "out", with an old output if it is to be overwritten.</summary>
    public string Stage()
    {
        string place = _folder["stages", $"{_stages++}"];
        Directory.CreateDirectory(place);
        if (Overwrite)
        {
            Directory.CreateDirectory(Path.Combine(place, "out"));
            foreach ((string name, byte[] bytes) in Old)
            {
                File.WriteAllBytes(Path.Combine(place, "out", name), bytes);
            }
        }

        return Path.Combine(place, "out");
    }

    /// <summary>As <see cref="Stage"/>, with both parts executed.</summary>
    public async Task<string> StageWorkedAsync()
    {
        string target = Stage(), parts = Path.Combine(Path.GetDirectoryName(target)!, ".out.layerswap-parts"), worked = _folder["worked"];
        if (!Directory.Exists(worked))
        {
            Assert.Null(await WorkAsync(target, 1));
            Assert.Null(await WorkAsync(target, 2));
            Directory.Move(parts, worked);
        }

        foreach (string file in Directory.EnumerateFiles(worked, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(parts, Path.GetRelativePath(worked, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return target;
    }

    /// <summary>Runs the merge and returns its exception, if any.</summary>
    public async Task<Exception?> RunAsync(string target, CountingFiles files, bool resume = false, bool keep = false) =>
        await Record.ExceptionAsync(
            () => Plan().ExecuteAsync(target, new() { Files = files, Overwrite = Overwrite, Resume = resume, KeepPartial = keep }));

    /// <summary>Executes one of two parts and returns its exception, if any.</summary>
    public async Task<Exception?> WorkAsync(string target, int part, CountingFiles? files = null) =>
        await Record.ExceptionAsync(
            () => Plan().ExecutePartAsync(target, MergePart.Of(part, 2), new() { Files = files ?? new(), Overwrite = Overwrite }));

    /// <summary>Assembles the parts and returns the exception, if any.</summary>
    public async Task<Exception?> AssembleAsync(string target, CountingFiles? files = null) =>
        await Record.ExceptionAsync(() => Plan().AssembleAsync(target, new() { Files = files ?? new(), Overwrite = Overwrite }));

    /// <summary>Requires the first two promises: inputs unchanged, and the target either unchanged or complete and new.</summary>
    /// <returns>Whether it is new.</returns>
    public async Task<bool> RequireOldOrNewAsync(string target, string when)
    {
        Assert.True(_untouched.SequenceEqual(Folders.Snapshot(_folder["inputs"]), StringComparer.Ordinal), $"{when}: an input changed.");
        SortedDictionary<string, byte[]>? found = Directory.Exists(target) ? Contents(target) : null;
        if (Same(found, Overwrite ? Old : null))
        {
            return false;
        }

        Assert.True(
            Same(found, New),
            $"{when}: the target is neither as it was nor as an undisturbed run makes it, but holds "
                + $"{string.Join(", ", found?.Keys.ToArray() ?? ["nothing"])}.");
        Assert.True((await Checkpoint.VerifyAsync(target)).Ok, $"{when}: the output is not good.");
        return true;
    }

    /// <summary>Requires a complete new output without leftovers.</summary>
    public async Task RequireDoneAsync(string target, string when)
    {
        Assert.True(await RequireOldOrNewAsync(target, when), $"{when}: the target is not new.");
        Assert.True(
            Folders.Names(Path.GetDirectoryName(target)!) is ["out"],
            $"{when}: left beside: {string.Join(", ", Folders.Names(Path.GetDirectoryName(target)!))}.");
    }

    /// <summary>Resumes without faults, and compares the output with that of an uninterrupted run.</summary>
    public async Task ResumeToTheEndAsync(string target, string when)
    {
        Exception? error = await RunAsync(target, new CountingFiles(), resume: true);
        Assert.True(error is null, $"{when}: --resume failed: {error}");
        await RequireDoneAsync(target, when + ", resumed");
    }

    public void Dispose()
    {
        foreach (ICheckpoint model in _models)
        {
            model.Dispose();
        }

        _folder.Dispose();
    }

    private static ICheckpoint Tiny(string name, int expert) => SmallModels.Of(name, DType.Float32,
    [
        ("model.embed_tokens.weight", [4, 3], Values(12, expert)),
        .. Enumerable.Range(0, 3).Select(
            layer => ($"model.layers.{layer}.mlp.up_proj.weight", new long[] { 5, 3 }, Values(15, expert + (10 * layer)))),
        ("model.norm.weight", [3], Values(3, expert)),
    ]);

    private static double[] Values(int count, int seed) => [.. Enumerable.Range(0, count).Select(i => Math.Sin(i + (seed * 1.7)))];

    private static SortedDictionary<string, byte[]> Contents(string folder) =>
        new(
            Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .ToDictionary(f => Path.GetRelativePath(folder, f), File.ReadAllBytes, StringComparer.Ordinal),
            StringComparer.Ordinal);

    private static bool Same(SortedDictionary<string, byte[]>? found, SortedDictionary<string, byte[]>? expected) =>
        found is null || expected is null
            ? found is null && expected is null
            : found.Keys.SequenceEqual(expected.Keys, StringComparer.Ordinal)
                && found.All(f => f.Value.AsSpan().SequenceEqual(expected[f.Key]));
}
