using System.Text.RegularExpressions;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.IO;

namespace LayerSwap.Checkpoints;

/// <summary>Decides what a folder holds: one file, or an index with shards; never both, never a guess.</summary>
internal static partial class CheckpointFolder
{
    public static ICheckpoint Open(string folder, InputCautions allowed = InputCautions.None)
    {
        string real = InputFile.RealOf(folder), single = Path.Combine(folder, SafeTensorsFormat.SingleFile);
        if (HubCache.IsModel(real))
        {
            return Open(HubCache.SnapshotOf(folder, null), allowed);
        }

        // A link that leads nowhere counts: opening it says so.
        bool index = FileStatus.OfEntry(Path.Combine(real, ShardIndex.FileName)) is not null, file = FileStatus.OfEntry(Path.Combine(real, SafeTensorsFormat.SingleFile)) is not null;
        string shown = Printable.Escape(folder);
        if (index && file)
        {
            // An index that names that very file says nothing else.
            return ShardIndex.Read(Path.Combine(folder, ShardIndex.FileName)).Map.Values.All(f => f == SafeTensorsFormat.SingleFile) ? ShardedCheckpoint.Open(folder, allowed)
                : throw new CheckpointException(folder, null, $"{shown} holds both {SafeTensorsFormat.SingleFile} and {ShardIndex.FileName}, which names other files: which is the model? "
                    + "Remedy: open the file by its own path, or move one of the two away.");
        }

        if (index)
        {
            return ShardedCheckpoint.Open(folder, allowed);
        }

        if (file)
        {
            return new FolderOfOne(folder, SafeTensorsFile.Open(single));
        }

        string[] others = [.. Directory.EnumerateFiles(real, "*" + SafeTensorsFormat.Extension).Select(f => Path.Combine(folder, Path.GetFileName(f))).Order(StringComparer.Ordinal)];
        // Beside a model under a name of its own an adapter is not the model.
        string[] models = others.Length > 1 ? [.. others.Where(f => !IsBeside(Path.GetFileName(f)))] : others;
        return models.Length == 1 && PartOf().Match(Path.GetFileName(models[0])) is { Success: true } part && part.Groups["count"].Value is not ("1" or "01" or "00001")
                ? throw new CheckpointException(folder, null, $"{shown} holds {Printable.Escape(Path.GetFileName(models[0]))} alone, which is one of {part.Groups["count"].Value.TrimStart('0')} files: the model is not whole. Remedy: fetch the other files and {ShardIndex.FileName}.")
            : models.Length == 1 ? new FolderOfOne(folder, SafeTensorsFile.Open(models[0]))
            : throw new CheckpointException(folder, null, others.Length == 0
                ? $"{shown} holds no {SafeTensorsFormat.SingleFile} and no {ShardIndex.FileName}; one of them is expected. {Instead(real)}"
                : $"{shown} holds {others.Length} .safetensors files but no {ShardIndex.FileName} that says how they belong together. Remedy: fetch the index, or open one file by its own path.");
    }

    /// <summary>Says what a folder without safetensors holds, and what to do with it.</summary>
    private static string Instead(string folder)
    {
        string[] files = [.. Directory.EnumerateFiles(folder).Select(f => Path.GetFileName(f))], folders = [.. Directory.EnumerateDirectories(folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
        bool Has(params string[] endings) => files.Any(f => endings.Any(e => f.EndsWith(e, StringComparison.OrdinalIgnoreCase)));
        string? checkpoint = folders.LastOrDefault(f => f.StartsWith("checkpoint-", StringComparison.Ordinal));
        return Has("adapter_config.json") ? "It holds an adapter. Remedy: apply the adapter to its base model first (PEFT: merge_and_unload)."
            : Has(".gguf") ? "It holds GGUF files, as llama.cpp has them. Remedy: merge the safetensors models that they were converted from."
            : Has(".bin", ".pt", ".pth", ".ckpt") ? "It seems to hold PyTorch files. Remedy: convert them to safetensors (load the model in transformers, and save it)."
            : Has(".dat") ? "It seems to hold a file of TorchSharp's. Remedy: save it as safetensors."
            : Has(".h5", ".msgpack") ? "It seems to hold a Keras or Flax model. Remedy: convert it to safetensors."
            : Has(".onnx") ? "It seems to hold an ONNX model. Remedy: merge the safetensors model that it was exported from."
            : Has(".nemo") ? "It seems to hold a NeMo model. Remedy: convert it to a Hugging Face model with safetensors."
            : folders.Any(f => f.StartsWith("pytorch_model_fsdp", StringComparison.Ordinal) || f.StartsWith("iter_", StringComparison.Ordinal) || f.StartsWith("global_step", StringComparison.Ordinal)) || Has(".distcp")
                ? "It looks like a distributed checkpoint (FSDP, Megatron or DeepSpeed). Remedy: consolidate it into one model first (accelerate merge-weights, zero_to_fp32.py, or the framework's converter)."
            : files.Length + folders.Length == 0 ? "It is empty. Remedy: check the path, or fetch the model."
            : checkpoint is not null ? $"It looks like the folder of a training run. Remedy: open one of its checkpoints, such as {Printable.Escape(Path.Combine(folder, checkpoint))}."
            : Has("config.json") ? "It has a config.json, but no weights: the model is not whole. Remedy: fetch the weights."
            : folders.Length > 0 ? $"It holds folders ({string.Join(", ", folders.Take(3).Select(Printable.Escape))}{(folders.Length > 3 ? ", ..." : "")}). Remedy: open one of them, or check the path."
            : "Remedy: check the path.";
    }

    private static bool IsBeside(string name) => name.StartsWith("adapter_model", StringComparison.Ordinal) || name.StartsWith("optimizer", StringComparison.Ordinal) || name.StartsWith("rng_state", StringComparison.Ordinal)
        || name.StartsWith("consolidated", StringComparison.Ordinal);

    [GeneratedRegex(@"-\d{1,5}-of-(?<count>\d{1,5})\.safetensors$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PartOf();

    /// <summary>A folder with one file in it: called by the folder's name.</summary>
    private sealed class FolderOfOne(string folder, SafeTensorsFile file) : ICheckpoint
    {
        public string Name => folder;

        public IReadOnlyList<TensorInfo> Tensors => file.Tensors;

        public IReadOnlyDictionary<string, string> Metadata => file.Metadata;

        public string? Folder { get; } = RealPath.Of(folder);

        public IReadOnlyList<CheckpointFile> Files => file.Files;

        public string? FileOf(string name) => file.Name;

        public TensorInfo? Find(string name) => file.Find(name);

        public void Read(string name, long offset, Span<byte> destination) => file.Read(name, offset, destination);

        public void Dispose() => file.Dispose();
    }
}
