using System.IO.Enumeration;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.IO;

namespace LayerSwap.Checkpoints;

/// <summary>A view of other checkpoints. Its auxiliary files are those of one of them.</summary>
internal interface ICheckpointView
{
    /// <summary>The checkpoint whose auxiliary files and configuration the view has.</summary>
    ICheckpoint ConfigSource { get; }

    /// <summary>The stack that layers are counted in, if it was chosen for this view or its donor.</summary>
    string? MainStack => (ConfigSource as ICheckpointView)?.MainStack;
}

/// <summary>A checkpoint that is computed from others when it is read.</summary>
internal interface IComputedCheckpoint
{
    /// <summary>The auxiliary files by name. The content is computed on each call.</summary>
    IReadOnlyDictionary<string, Func<byte[]>> GeneratedFiles { get; }

    /// <summary>The auxiliary files of other models that it depends on.</summary>
    IReadOnlyList<WatchedFolder> Watched { get; }

    /// <summary>The checkpoints that it is computed from.</summary>
    IReadOnlyList<ICheckpoint> Inputs { get; }

    /// <summary>The memory for computing a block, in bytes per thread, without that of its inputs.</summary>
    long WorkingBytesPerThread { get; }
}

/// <summary>The files of a model other than weights: configuration, tokenizer, chat template, licence.</summary>
internal static class AuxiliaryFiles
{
    private const int MaxFolderDepth = 16, MaxFiles = 1000;

    private const long MaxFileBytes = 256_000_000, MaxConfigBytes = 16_000_000, MaxModulesBytes = 1_000_000;

    /// <summary>Files that programs read when they load a model, tokenizer files excepted.</summary>
    private static readonly string[] LoadedPatterns =
    [
        "config.json", "generation_config.json", "*configuration*.json", "*preprocessor_config.json", "processor_config.json", "*.py",
        "LICENSE*", "NOTICE*", "USE_POLICY*",
    ];

    private static readonly string[] TokenizerPatterns =
    [
        "tokenizer*", "vocab*", "merges*.txt", "special_tokens_map.json", "added_tokens.json", "chat_template*",
        "additional_chat_templates/*", "*.model", "*.tiktoken", "*.spm", "tekken.json", "normalizer.json", "bpe.codes", "dict.txt",
    ];

    /// <summary>Files that are not copied: weights in any format, training states and logs, adapters.</summary>
    private static readonly string[] ExcludedPatterns =
    [
        "*.safetensors", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.gguf", "*.ggml", "*.onnx", "*.onnx_data", "*.h5", "*.msgpack", "*.npz",
        "*.nemo", "*.dat", "*.distcp", "*.index.json", "optimizer*", "scheduler*", "rng_state*", "scaler*", "training_args*",
        "trainer_state.json", "trainer_log.jsonl", "*_results.json", "events.out.tfevents*", "*.log", "zero_to_fp32.py", "latest",
        "adapter_config.json", "adapter_model*",
    ];

    private static readonly string[] ExcludedFolders =
    [
        ".*", "__pycache__", "checkpoint-*", "global_step*", "runs", "logs", "wandb", "original", "onnx", "openvino", "coreml",
        "pytorch_model_fsdp*", "iter_*",
    ];

    /// <summary>Whether a file belongs to the tokenizer.</summary>
    public static bool IsTokenizerFile(string name) => Matches(name, TokenizerPatterns);

    /// <summary>Whether programs read a file of this name when they load a model.</summary>
    public static bool IsLoaded(string name) => Matches(name, LoadedPatterns) || IsTokenizerFile(name) || name == ShardIndex.FileName;

    /// <summary>Lists the files of a model that are copied into an output, as paths relative to its folder.</summary>
    public static IEnumerable<string> ListCopied(ICheckpoint checkpoint) => FindOwner(checkpoint) switch
    {
        IComputedCheckpoint computed => computed.GeneratedFiles.Keys,
        { Folder: { } folder } => Classify(folder).Copied,
        _ => [],
    };

    /// <summary>Lists the files and folders of a model that are not copied. Folders end with a slash.</summary>
    public static IReadOnlyList<string> ListExcluded(ICheckpoint checkpoint) =>
        FindOwner(checkpoint) is { Folder: { } folder } and not IComputedCheckpoint ? Classify(folder).Excluded : [];

    /// <summary>Lists the files in a folder that a merge depends on, weights excepted.</summary>
    public static IEnumerable<string> ListInputs(string folder) =>
        Classify(folder).Copied
            .Append(ShardIndex.FileName)
            .Where(n => FileStatus.ReadEntry(Path.Combine(RealPath.Resolve(folder), n)) is not null);

    /// <summary>Reads the folders that sentence-transformers' modules.json names. Their weights are copied, never merged.</summary>
    private static HashSet<string> ReadModules(string folder)
    {
        string path = Path.Combine(folder, "modules.json");
        try
        {
            return FileStatus.Read(path) is { Kind: FileKind.File, Identity.Length: > 0 and < MaxModulesBytes }
                && PythonJson.Parse(InputFile.ReadAll(path, MaxModulesBytes)) is JsonArray list
                    ? [.. list.Select(m => (m as JsonObject)?["path"]?.ToString()).OfType<string>().Where(p => p.Length > 0)]
                    : [];
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            // Not a list of modules.
            return [];
        }
    }

    /// <summary>Whether a subfolder is another model, or a checkpoint of this one.</summary>
    private static bool IsModel(string folder)
    {
        string config = Path.Combine(folder, ModelConfig.FileName);
        return FileStatus.Read(config) is { Kind: FileKind.File, Identity.Length: > 0 and < MaxConfigBytes }
            && Directory.EnumerateFiles(folder).Any(f => Matches(Path.GetFileName(f), ["*.safetensors", "*.bin"]))
            && Encoding.UTF8.GetString(InputFile.ReadAll(config, MaxConfigBytes)).Contains("\"model_type\"", StringComparison.Ordinal);
    }

    /// <summary>Divides the files of a folder and its subfolders into copied and excluded ones, as relative paths.</summary>
    private static (List<string> Copied, List<string> Excluded) Classify(string folder)
    {
        string real = RealPath.Resolve(folder);
        List<string> copied = [], excluded = [];
        HashSet<string> modules = ReadModules(real);
        Stack<(string Name, int Depth)> pending = new([("", 0)]);
        while (Directory.Exists(real) && pending.TryPop(out (string Name, int Depth) current))
        {
            IEnumerable<string> entries = Directory.EnumerateFileSystemEntries(Path.Combine(real, current.Name));
            foreach (string path in entries.OrderDescending(StringComparer.Ordinal))
            {
                string file = Path.GetFileName(path), name = current.Name + file;
                FileStatus? status = FileStatus.ReadEntry(path);
                bool isLink = status?.Kind == FileKind.Link;
                bool isFolder = status?.Kind == FileKind.Folder || (isLink && Directory.Exists(path));
                if (isFolder && (isLink || current.Depth == MaxFolderDepth || Matches(file, ExcludedFolders) || IsModel(path)))
                {
                    excluded.Add(name + "/");
                }
                else if (isFolder)
                {
                    pending.Push((name + "/", current.Depth + 1));
                }
                else if (current.Name.Length == 0 && file is ShardIndex.FileName or "README.md" or "layerswap.json")
                {
                    // Every output has its own.
                }
                else if ((Matches(file, ExcludedPatterns) && !modules.Contains(current.Name.TrimEnd('/')))
                    || copied.Count == MaxFiles || status?.Identity.Length > MaxFileBytes)
                {
                    excluded.Add(name);
                }
                else
                {
                    copied.Add(name);
                }
            }
        }

        return (copied, [.. excluded.Where(n => !IsMerged(n)).Order(StringComparer.Ordinal)]);

        // The model's own weights are not reported as excluded.
        static bool IsMerged(string name) =>
            !name.Contains('/', StringComparison.Ordinal) && name.EndsWith(".safetensors", StringComparison.Ordinal)
            && !name.StartsWith("consolidated", StringComparison.Ordinal) && !name.StartsWith("adapter", StringComparison.Ordinal);
    }

    /// <summary>The source of the files: a folder, a computed checkpoint, or null. Views of one checkpoint have the same source.</summary>
    public static object? FindSource(ICheckpoint checkpoint) =>
        FindOwner(checkpoint) is IComputedCheckpoint computed ? computed : checkpoint.Folder;

    /// <summary>Finds the checkpoint whose files a checkpoint has, through all views.</summary>
    public static ICheckpoint FindOwner(ICheckpoint checkpoint)
    {
        while (checkpoint is ICheckpointView view)
        {
            checkpoint = view.ConfigSource;
        }

        return checkpoint;
    }

    public static bool Has(ICheckpoint checkpoint, string name) => FindOwner(checkpoint) switch
    {
        IComputedCheckpoint computed => computed.GeneratedFiles.ContainsKey(name),
        { Folder: { } folder } => FileStatus.ReadEntry(Path.Combine(RealPath.Resolve(folder), name)) is not null,
        _ => false,
    };

    /// <summary>Reads a file of at most <paramref name="maxLength"/> bytes.</summary>
    /// <returns>Null if there is no such file.</returns>
    public static byte[]? TryRead(ICheckpoint checkpoint, string name, long maxLength) =>
        FindOwner(checkpoint) is IComputedCheckpoint computed ? computed.GeneratedFiles.GetValueOrDefault(name)?.Invoke()
        : Has(checkpoint, name) ? InputFile.ReadAll(GetDisplayPath(checkpoint, name), maxLength)
        : null;

    /// <summary>Reads an existing file that is to be copied. It may be empty.</summary>
    public static byte[] ReadForCopy(ICheckpoint checkpoint, string name)
    {
        if (FindOwner(checkpoint) is IComputedCheckpoint computed)
        {
            return computed.GeneratedFiles[name]();
        }

        string path = GetDisplayPath(checkpoint, name);
        return FileStatus.Read(InputFile.ResolvePath(path)) is { Kind: FileKind.File, Identity.Length: 0 }
            ? []
            : InputFile.ReadAll(path, Array.MaxLength);
    }

    /// <summary>
    /// Explains why a file cannot be copied into an output; null if it can. A link must stay within the model's folder, or the model's
    /// part of the Hub's cache: a file elsewhere may not belong to the model.
    /// </summary>
    public static string? ExplainRefusal(ICheckpoint checkpoint, string name)
    {
        if (FindOwner(checkpoint) is not { Folder: { } folder } owner || owner is IComputedCheckpoint)
        {
            return null;
        }

        string path = Path.Combine(folder, name), shown = Printable.Escape(GetDisplayPath(checkpoint, name));
        string real = InputFile.ResolvePath(path), shownTarget = Printable.Escape(real);
        string root = HubCache.FindModel(folder) ?? RealPath.Resolve(folder);
        if (name.Contains('\ufffd', StringComparison.Ordinal) && FileStatus.ReadEntry(path) is null)
        {
            return $"{shown} has a name that is not UTF-8, by which it cannot be opened. Remedy: rename it.";
        }

        if (FileStatus.Read(real) is not { } status)
        {
            return $"{shown} is a link to {shownTarget}, which does not exist. Remedy: fetch the file it points to, or remove the link.";
        }

        if (status.Kind != FileKind.File)
        {
            return $"{shown} is not a regular file (a pipe or a device?). Remedy: remove it, or put a file in its place.";
        }

        return RealPath.Contains(root, real)
            ? null
            : $"{shown} is a link to {shownTarget}, outside the model's folder; its content would be copied into the output. "
                + "Remedy: put the file itself there, or remove the link.";
    }

    /// <summary>Builds the name of a file for messages, which is its path if it is in a folder.</summary>
    public static string GetDisplayPath(ICheckpoint checkpoint, string name) =>
        FindOwner(checkpoint) is { Folder: { } folder } and not IComputedCheckpoint
            ? Path.Combine(folder, name)
            : $"{name} of {checkpoint.Name}";

    private static bool Matches(string name, string[] patterns) =>
        Array.Exists(patterns, p => FileSystemName.MatchesSimpleExpression(p, name, ignoreCase: false));
}
