using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Files;

namespace LayerSwap.Checkpoints;

/// <summary>Decides what a folder holds: one file, or an index with shards; never both, never a guess.</summary>
internal static class CheckpointFolder
{
    public static ICheckpoint Open(string folder)
    {
        string real = InputFile.RealOf(folder), single = Path.Combine(folder, SafeTensorsFormat.SingleFile);
        // A link that leads nowhere counts: opening it says so.
        bool index = FileStatus.OfEntry(Path.Combine(real, ShardIndex.FileName)) is not null, file = FileStatus.OfEntry(Path.Combine(real, SafeTensorsFormat.SingleFile)) is not null;
        string shown = Printable.Escape(folder);
        if (index && file)
        {
            throw new CheckpointException(folder, null, $"{shown} holds both {SafeTensorsFormat.SingleFile} and {ShardIndex.FileName}: which is the model? "
                + "Remedy: open the file by its own path, or move one of the two away.");
        }

        if (index)
        {
            return ShardedCheckpoint.Open(folder);
        }

        if (file)
        {
            return new FolderOfOne(folder, SafeTensorsFile.Open(single));
        }

        string[] others = [.. Directory.EnumerateFiles(real, "*" + SafeTensorsFormat.Extension).Select(f => Path.Combine(folder, Path.GetFileName(f))).Order(StringComparer.Ordinal)];
        return others.Length switch
        {
            1 => new FolderOfOne(folder, SafeTensorsFile.Open(others[0])),
            0 => throw new CheckpointException(folder, null, $"{shown} holds no {SafeTensorsFormat.SingleFile} and no {ShardIndex.FileName}; one of them is expected."
                + (Directory.EnumerateFiles(real, "*.bin").Any() ? " Remedy: it seems to hold PyTorch files; convert them to safetensors." : " Remedy: check the path.")),
            _ => throw new CheckpointException(folder, null, $"{shown} holds {others.Length} .safetensors files but no {ShardIndex.FileName} that says how they belong together. "
                + "Remedy: fetch the index, or open one file by its own path."),
        };
    }

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
