using LayerSwap.Benchmarks.Synthetic;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>A long merge of little data: one input of some megabytes, used many times, on one thread.</summary>
internal sealed class LongWork : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly int _times;

    public LongWork(long bytes, int times)
    {
        _times = times;
        LlamaShape shape = LlamaShape.OfSize(bytes);
        Base = Folders.Save(new GeneratedModel("base", shape), _folder["base"]);
        Expert = Folders.Save(new GeneratedModel("expert", shape, 1, _ => 0.01), _folder["expert"]);
    }

    public string Base { get; }

    public string Expert { get; }

    /// <summary>The file of the expert's tensors.</summary>
    public string ExpertFile => Path.Combine(Expert, "model.safetensors");

    public string this[params string[] parts] => _folder[parts];

    public static string Staging(string output) =>
        Path.Combine(Path.GetDirectoryName(output)!, $".{Path.GetFileName(output)}.layerswap-partial");

    /// <summary>The length of the journal of an unfinished output in bytes, or 0 without a journal.</summary>
    public static long Journal(string output) =>
        new FileInfo(Path.Combine(Staging(output), "journal")) is { Exists: true } journal ? journal.Length : 0;

    public string[] Arguments(string output, params string[] more) =>
    [
        "merge", "--method", "task_arithmetic", "--base", Base,
        .. Enumerable.Repeat<string[]>(["--model", Expert + "=0.01"], _times).SelectMany(m => m),
        "--threads", "1", "--quiet", .. more, "-o", output,
    ];

    /// <summary>Starts the merge, and waits until it writes.</summary>
    public ToolProcess StartWriting(string[] wrapper, string output, params string[] more)
    {
        ToolProcess process = Tool.StartUnder(wrapper, Arguments(output, more));
        // The process id is written before the model folder is created, and that before the first tensor.
        Assert.True(
            SpinWait.SpinUntil(
                () => Directory.Exists(Path.Combine(Staging(output), "model")) || process.HasExited, TimeSpan.FromSeconds(30)),
            "No staging folder after 30 seconds.");
        return process;
    }

    public void Dispose() => _folder.Dispose();
}
