using System.IO.Enumeration;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.IO;

namespace LayerSwap.Checkpoints;

/// <summary>A view of other checkpoints: what lies beside its weights is what lies beside those of one of them.</summary>
internal interface ICheckpointView
{
    ICheckpoint Donor { get; }

    /// <summary>The stack that layers are counted in, where it was chosen; else that of the donor.</summary>
    string? MainStack => (Donor as ICheckpointView)?.MainStack;
}

/// <summary>A checkpoint that is computed from others when it is read.</summary>
internal interface IComputedCheckpoint
{
    /// <summary>What would lie beside its weights, by name; made when it is asked for.</summary>
    IReadOnlyDictionary<string, Func<byte[]>> Companions { get; }

    /// <summary>The files beside weights that it depends on.</summary>
    IReadOnlyList<WatchedFolder> Watched { get; }

    /// <summary>What it is computed from.</summary>
    IReadOnlyList<ICheckpoint> Inputs { get; }

    /// <summary>The memory that computing a block of it takes, in bytes a thread; that of its inputs not included.</summary>
    long WorkingBytes { get; }
}

/// <summary>The files beside a checkpoint's weights: configuration, tokenizer, chat template, licence.</summary>
internal static class AuxiliaryFiles
{
    /// <summary>How deep folders beside the weights are looked into, how many files are copied, and how large one of them may be.</summary>
    private const int Deepest = 16, MostFiles = 1000;

    private const long LongestFile = 256_000_000;

    /// <summary>What programs that load a model read beside its weights.</summary>
    private static readonly string[] LoadedPatterns =
    [
        "config.json", "generation_config.json", "*configuration*.json", "*preprocessor_config.json", "processor_config.json", "*.py", "LICENSE*", "NOTICE*", "USE_POLICY*",
    ];

    private static readonly string[] TokenizerPatterns =
    [
        "tokenizer*", "vocab*", "merges*.txt", "special_tokens_map.json", "added_tokens.json", "chat_template*", "additional_chat_templates/*", "*.model", "*.tiktoken", "*.spm", "tekken.json", "normalizer.json", "bpe.codes", "dict.txt",
    ];

    /// <summary>What stays behind: weights in any format, optimizer states, what a training wrote about itself, adapters, and what is written anew.</summary>
    private static readonly string[] LeftPatterns =
    [
        "*.safetensors", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.gguf", "*.ggml", "*.onnx", "*.onnx_data", "*.h5", "*.msgpack", "*.npz", "*.nemo", "*.dat", "*.distcp", "*.index.json", "optimizer*", "scheduler*", "rng_state*", "scaler*",
        "training_args*", "trainer_state.json", "trainer_log.jsonl", "*_results.json", "events.out.tfevents*", "*.log", "zero_to_fp32.py", "latest", "adapter_config.json", "adapter_model*",
    ];

    private static readonly string[] LeftFolders = [".*", "__pycache__", "checkpoint-*", "global_step*", "runs", "logs", "wandb", "original", "onnx", "openvino", "coreml", "pytorch_model_fsdp*", "iter_*"];

    /// <summary>Whether a file belongs to the tokenizer.</summary>
    public static bool IsOfTokenizer(string name) => Matches(name, TokenizerPatterns);

    /// <summary>Whether programs that load a model read a file of this name beside its weights.</summary>
    public static bool IsLoaded(string name) => Matches(name, LoadedPatterns) || IsOfTokenizer(name) || name == ShardIndex.FileName;

    /// <summary>The names of a model's files that are copied beside the weights of an output, those in folders with the folders' names.</summary>
    public static IEnumerable<string> CopiedOf(ICheckpoint checkpoint) => OwnerOf(checkpoint) switch
    {
        IComputedCheckpoint computed => computed.Companions.Keys,
        { Folder: { } folder } => Look(folder).Copied,
        _ => [],
    };

    /// <summary>The names of a model's files and folders that stay behind; folders end with a slash.</summary>
    public static IReadOnlyList<string> LeftBehindOf(ICheckpoint checkpoint) => OwnerOf(checkpoint) is { Folder: { } folder } and not IComputedCheckpoint ? Look(folder).Left : [];

    /// <summary>The names of the files in a folder that a merge depends on, beside the weights.</summary>
    public static IEnumerable<string> InputsIn(string folder) => Look(folder).Copied.Append(ShardIndex.FileName).Where(n => FileStatus.OfEntry(Path.Combine(RealPath.Of(folder), n)) is not null);

    /// <summary>The folders that sentence-transformers' modules.json names: their weights are parts of the model that no merge touches.</summary>
    private static HashSet<string> ModulesIn(string folder)
    {
        try
        {
            return FileStatus.Of(Path.Combine(folder, "modules.json")) is { Kind: FileKind.File, Identity.Length: > 0 and < 1_000_000 }
                && PythonJson.Parse(InputFile.ReadAll(Path.Combine(folder, "modules.json"), 1_000_000)) is System.Text.Json.Nodes.JsonArray list
                ? [.. list.Select(m => (m as System.Text.Json.Nodes.JsonObject)?["path"]?.ToString()).OfType<string>().Where(p => p.Length > 0)] : [];
        }
        catch (Exception e) when (e is System.Text.Json.JsonException or ArgumentException or InvalidOperationException)
        {
            // What is no list of modules names none.
            return [];
        }
    }

    /// <summary>Whether a folder beside the weights holds another model, or a checkpoint of this one.</summary>
    private static bool IsModel(string folder) => FileStatus.Of(Path.Combine(folder, ModelConfig.FileName)) is { Kind: FileKind.File, Identity.Length: > 0 and < 16_000_000 }
        && Directory.EnumerateFiles(folder).Any(f => Matches(Path.GetFileName(f), LeftPatterns[..2]))
        && System.Text.Encoding.UTF8.GetString(InputFile.ReadAll(Path.Combine(folder, ModelConfig.FileName), 16_000_000)).Contains("\"model_type\"", StringComparison.Ordinal);

    private static (List<string> Copied, List<string> Left) Look(string folder)
    {
        string real = RealPath.Of(folder);
        List<string> copied = [], left = [];
        HashSet<string> modules = ModulesIn(real);
        Stack<(string Name, int Depth)> open = new([("", 0)]);
        while (Directory.Exists(real) && open.TryPop(out (string Name, int Depth) at))
        {
            foreach (string path in Directory.EnumerateFileSystemEntries(Path.Combine(real, at.Name)).OrderDescending(StringComparer.Ordinal))
            {
                string last = Path.GetFileName(path), name = at.Name + last;
                FileStatus? status = FileStatus.OfEntry(path);
                bool isFolder = status?.Kind == FileKind.Folder || (status?.Kind == FileKind.Link && Directory.Exists(path));
                if (isFolder && (status!.Kind == FileKind.Link || at.Depth == Deepest || Matches(last, LeftFolders) || IsModel(path)))
                {
                    left.Add(name + "/");
                }
                else if (isFolder)
                {
                    open.Push((name + "/", at.Depth + 1));
                }
                else if (at.Name.Length == 0 && last is ShardIndex.FileName or "README.md" or "layerswap.json")
                {
                    // Written anew.
                }
                else if ((Matches(last, LeftPatterns) && !modules.Contains(at.Name.TrimEnd('/'))) || copied.Count == MostFiles || status?.Identity.Length > LongestFile)
                {
                    left.Add(name);
                }
                else
                {
                    copied.Add(name);
                }
            }
        }

        // The weights of the model itself are what is merged.
        return (copied, [.. left.Where(n => n.Contains('/', StringComparison.Ordinal) || !n.EndsWith(".safetensors", StringComparison.Ordinal) || n.StartsWith("consolidated", StringComparison.Ordinal) || n.StartsWith("adapter", StringComparison.Ordinal)).Order(StringComparer.Ordinal)]);
    }

    /// <summary>Where they come from: a folder, null for none, or a computed checkpoint. Checkpoints with one source have the same.</summary>
    public static object? SourceOf(ICheckpoint checkpoint) => OwnerOf(checkpoint) is IComputedCheckpoint computed ? computed : checkpoint.Folder;

    /// <summary>The checkpoint beside whose weights they lie.</summary>
    public static ICheckpoint OwnerOf(ICheckpoint checkpoint)
    {
        while (checkpoint is ICheckpointView view)
        {
            checkpoint = view.Donor;
        }

        return checkpoint;
    }

    public static bool Has(ICheckpoint checkpoint, string name) => OwnerOf(checkpoint) switch
    {
        IComputedCheckpoint computed => computed.Companions.ContainsKey(name),
        { Folder: { } folder } => FileStatus.OfEntry(Path.Combine(RealPath.Of(folder), name)) is not null,
        _ => false,
    };

    /// <summary>All of a file; null where there is none.</summary>
    public static byte[]? TryRead(ICheckpoint checkpoint, string name, long longest) => OwnerOf(checkpoint) is IComputedCheckpoint computed ? computed.Companions.GetValueOrDefault(name)?.Invoke()
        : Has(checkpoint, name) ? InputFile.ReadAll(PathOf(checkpoint, name), longest)
        : null;

    /// <summary>All of a file that is there, to be copied; it may be empty.</summary>
    public static byte[] Copy(ICheckpoint checkpoint, string name)
    {
        if (OwnerOf(checkpoint) is IComputedCheckpoint computed)
        {
            return computed.Companions[name]();
        }

        string path = PathOf(checkpoint, name);
        return FileStatus.Of(InputFile.RealOf(path)) is { Kind: FileKind.File, Identity.Length: 0 } ? [] : InputFile.ReadAll(path, Array.MaxLength);
    }

    /// <summary>Why a file cannot be copied into an output; null where it can. Links may lead to places within the model's folder, or the model's part of the Hub's cache; what is elsewhere need not be the model's.</summary>
    public static string? Refusal(ICheckpoint checkpoint, string name)
    {
        if (OwnerOf(checkpoint) is not { Folder: { } folder } owner || owner is IComputedCheckpoint)
        {
            return null;
        }

        string path = Path.Combine(folder, name), shown = Printable.Escape(PathOf(checkpoint, name)), real = InputFile.RealOf(path), home = HubCache.ModelOf(folder) ?? RealPath.Of(folder);
        return name.Contains('\ufffd', StringComparison.Ordinal) && FileStatus.OfEntry(path) is null ? $"{shown} has a name that is not UTF-8, by which it cannot be opened. Remedy: rename it."
            : FileStatus.Of(real) is not { } status ? $"{shown} is a link to {Printable.Escape(real)}, which does not exist. Remedy: fetch the file it points to, or remove the link."
            : status.Kind != FileKind.File ? $"{shown} is not a regular file (a pipe or a device?). Remedy: remove it, or put a file in its place."
            : !RealPath.Contains(home, real)
                ? $"{shown} is a link to {Printable.Escape(real)}, outside the model's folder: what lies there would be copied into the output. Remedy: put the file itself there, or remove the link."
            : null;
    }

    /// <summary>What a file goes by in messages.</summary>
    public static string PathOf(ICheckpoint checkpoint, string name) => OwnerOf(checkpoint) is { Folder: { } folder } and not IComputedCheckpoint ? Path.Combine(folder, name) : $"{name} of {checkpoint.Name}";

    private static bool Matches(string name, string[] patterns) => Array.Exists(patterns, p => FileSystemName.MatchesSimpleExpression(p, name, ignoreCase: false));
}
