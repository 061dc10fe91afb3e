using System.Text.RegularExpressions;
using LayerSwap.Checkpoints.Lora;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.IO;

namespace LayerSwap.Checkpoints;

/// <summary>Opens a folder: a single file, or an index with its shards. An ambiguous folder is an error.</summary>
internal static partial class CheckpointFolder
{
    /// <param name="folder">The folder.</param>
    /// <param name="options">Applies to its files.</param>
    /// <param name="format">The only format to look for; null for all of them.</param>
    public static ICheckpoint Open(string folder, OpenOptions options, WeightsFormat? format = null)
    {
        string real = InputFile.ResolvePath(folder);
        if (HubCache.IsModel(real))
        {
            return Open(HubCache.FindSnapshot(folder, null), options, format);
        }

        if (format is null && AdaptedCheckpoint.IsAdapter(folder))
        {
            return AdaptedCheckpoint.Open(folder, folder, options.Base, options);
        }

        IReadOnlyList<WeightsFormat> formats = format is null ? WeightsFormat.All : [format];
        string expected = $"{SafeTensorsFormat.SingleFile} and no {ShardIndex.FileName}; one of them is expected.";
        return formats.Select(f => TryOpen(folder, real, f, options)).FirstOrDefault(c => c is not null)
            ?? throw new CheckpointException(folder, null, $"{Printable.Escape(folder)} holds no {expected} {Describe(real)}");
    }

    /// <returns>Null if the folder has no files of the format.</returns>
    private static ICheckpoint? TryOpen(string folder, string real, WeightsFormat format, OpenOptions options)
    {
        // A broken link counts as present: opening it then reports the broken link.
        bool hasIndex = format.IndexFile is { } indexFile && FileStatus.ReadEntry(Path.Combine(real, indexFile)) is not null;
        bool hasSingle = FileStatus.ReadEntry(Path.Combine(real, format.SingleFile)) is not null;
        string shown = Printable.Escape(folder);
        if (hasIndex && hasSingle)
        {
            // No contradiction if the single file is the only shard.
            ShardIndex index = ShardIndex.Read(Path.Combine(folder, format.IndexFile!));
            return index.WeightMap.Values.All(f => f == format.SingleFile)
                ? ShardedCheckpoint.Open(folder, format, options)
                : throw new CheckpointException(folder, null,
                    $"{shown} holds both {format.SingleFile} and {format.IndexFile}, which names other files: "
                    + "which is the model? Remedy: open the file by its own path, or move one of the two away.");
        }

        if (hasIndex)
        {
            return ShardedCheckpoint.Open(folder, format, options);
        }

        if (hasSingle)
        {
            return new SingleFileFolder(folder, format.Open(Path.Combine(folder, format.SingleFile), options));
        }

        string[] files =
        [
            .. Directory.EnumerateFiles(real)
                .Where(format.HasExtension)
                .Select(f => Path.Combine(folder, Path.GetFileName(f)))
                .Order(StringComparer.Ordinal),
        ];
        // A single safetensors file is opened whatever its name, also an adapter's or an optimizer's.
        bool takesAnyName = format == WeightsFormat.SafeTensors && files.Length == 1;
        string[] models = takesAnyName ? files : [.. files.Where(f => !IsOtherWeights(Path.GetFileName(f)))];
        if (models.Length == 0 && (files.Length == 0 || format != WeightsFormat.SafeTensors))
        {
            return null;
        }

        if (models.Length != 1)
        {
            string index = format.IndexFile is { } name ? $" but no {name}, which maps tensors to files" : "";
            throw new CheckpointException(folder, null, $"{shown} holds {files.Length} {format.Extensions[0]} files{index}. "
                + "Remedy: fetch the index, or open one file by its own path.");
        }

        string model = Path.GetFileName(models[0]);
        if (ShardName().Match(model) is { Success: true } shard && shard.Groups["count"].Value.TrimStart('0') != "1")
        {
            throw new CheckpointException(folder, null,
                $"{shown} holds only {Printable.Escape(model)}, which is one of {shard.Groups["count"].Value.TrimStart('0')} files: "
                + $"the model is incomplete. Remedy: fetch the other files and {format.IndexFile}.");
        }

        return new SingleFileFolder(folder, format.Open(models[0], options));
    }

    /// <summary>Describes the contents of a folder without safetensors files, with a remedy.</summary>
    private static string Describe(string folder)
    {
        string[] files = [.. Directory.EnumerateFiles(folder).Select(f => Path.GetFileName(f))];
        string[] folders = [.. Directory.EnumerateDirectories(folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
        string? checkpoint = folders.LastOrDefault(f => f.StartsWith("checkpoint-", StringComparison.Ordinal));
        return Has(".gguf") ? "It holds GGUF files (llama.cpp). Remedy: merge the safetensors models that they were converted from."
            : Has(".h5", ".msgpack") ? "It seems to hold a Keras or Flax model. Remedy: convert it to safetensors."
            : Has(".onnx") ? "It seems to hold an ONNX model. Remedy: merge the safetensors model that it was exported from."
            : Has(".nemo") ? "It seems to hold a NeMo model. Remedy: convert it to a Hugging Face model with safetensors."
            : Has(".distcp") || HasFolder("pytorch_model_fsdp", "iter_", "global_step")
                ? "It looks like a distributed checkpoint (FSDP, Megatron or DeepSpeed). Remedy: consolidate it into one model first "
                    + "(accelerate merge-weights, zero_to_fp32.py, or the framework's converter)."
            : files.Length + folders.Length == 0 ? "It is empty. Remedy: check the path, or fetch the model."
            : checkpoint is not null
                ? "It looks like the folder of a training run. "
                    + $"Remedy: open one of its checkpoints, such as {Printable.Escape(Path.Combine(folder, checkpoint))}."
            : Has("config.json") ? "It has a config.json, but no weights: the model is incomplete. Remedy: fetch the weights."
            : folders.Length > 0
                ? $"It holds folders ({string.Join(", ", folders.Take(3).Select(Printable.Escape))}{(folders.Length > 3 ? ", ..." : "")}). "
                    + "Remedy: open one of them, or check the path."
            : "Remedy: check the path.";

        bool Has(params string[] endings) => files.Any(f => endings.Any(e => f.EndsWith(e, StringComparison.OrdinalIgnoreCase)));

        bool HasFolder(params string[] prefixes) => folders.Any(f => prefixes.Any(p => f.StartsWith(p, StringComparison.Ordinal)));
    }

    /// <summary>Whether a file has other weights than the model's: an adapter, training state, or the original format.</summary>
    private static bool IsOtherWeights(string name) =>
        name.StartsWith("adapter_model", StringComparison.Ordinal)
        || name.StartsWith("optimizer", StringComparison.Ordinal)
        || name.StartsWith("rng_state", StringComparison.Ordinal)
        || name.StartsWith("consolidated", StringComparison.Ordinal)
        || name.StartsWith("scheduler", StringComparison.Ordinal)
        || name.StartsWith("scaler", StringComparison.Ordinal)
        || name.StartsWith("training_args", StringComparison.Ordinal);

    [GeneratedRegex(
        @"-\d{1,5}-of-(?<count>\d{1,5})\.(safetensors|bin)$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex ShardName();

    /// <summary>A folder with a single file. Its name is the folder's.</summary>
    private sealed class SingleFileFolder(string folder, ICheckpoint file) : ICheckpoint
    {
        public string Name => folder;

        public IReadOnlyList<TensorInfo> Tensors => file.Tensors;

        public IReadOnlyDictionary<string, string> Metadata => file.Metadata;

        public string? Folder { get; } = RealPath.Resolve(folder);

        public IReadOnlyList<CheckpointFile> Files => file.Files;

        public IReadOnlyList<string> Warnings => file.Warnings;

        public string? FileOf(string name) => file.Name;

        public TensorInfo? Find(string name) => file.Find(name);

        public void Read(string name, long offset, Span<byte> destination) => file.Read(name, offset, destination);

        public void Dispose() => file.Dispose();
    }
}
