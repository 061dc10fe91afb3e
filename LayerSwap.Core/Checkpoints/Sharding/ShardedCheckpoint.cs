using System.Collections.Frozen;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.IO;

namespace LayerSwap.Checkpoints.Sharding;

/// <summary>A folder of shards under one index: every header read and held against the index before anything else happens.</summary>
internal sealed class ShardedCheckpoint : ICheckpoint
{
    private readonly TensorList _tensors;
    private readonly FrozenDictionary<string, SafeTensorsFile> _home;
    private readonly List<SafeTensorsFile> _shards;

    private ShardedCheckpoint(string folder, List<SafeTensorsFile> shards, Dictionary<string, SafeTensorsFile> home, IReadOnlyList<string> warnings)
    {
        Name = folder;
        Folder = RealPath.Of(folder);
        _shards = shards;
        _home = home.ToFrozenDictionary(StringComparer.Ordinal);
        _tensors = new TensorList(shards.SelectMany(s => s.Tensors));
        Warnings = warnings;
        Metadata = MergeMetadata(shards);
        Files = [.. shards.SelectMany(s => s.Files)];
    }

    public string Name { get; }

    public string? Folder { get; }

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata { get; }

    public IReadOnlyList<CheckpointFile> Files { get; }

    public IReadOnlyList<string> Warnings { get; }

    /// <param name="folder">The folder.</param>
    /// <param name="allowed">With <see cref="InputCautions.Index"/> the shards are believed where the index says something else.</param>
    public static ShardedCheckpoint Open(string folder, InputCautions allowed = InputCautions.None)
    {
        string indexPath = Path.Combine(folder, ShardIndex.FileName);
        ShardIndex index = ShardIndex.Read(indexPath);
        if (index.Map.Count == 0)
        {
            throw new CheckpointException(indexPath, null, $"{Printable.Escape(indexPath)} has a weight_map that names no tensor; a model has some. Remedy: fetch or write the index again.");
        }

        List<SafeTensorsFile> shards = [];
        try
        {
            foreach (string file in index.Map.Values.Distinct(StringComparer.Ordinal).Order(NaturalOrder.Instance))
            {
                string path = Path.Combine(folder, file);
                shards.Add(InputFile.Exists(path) ? SafeTensorsFile.Open(path) : throw new CheckpointException(path, null,
                    $"{Printable.Escape(path)} is missing, but {ShardIndex.FileName} names it. Remedy: fetch every shard of the model."));
            }

            Disagreements found = new(indexPath);
            Dictionary<string, SafeTensorsFile> home = HoldAgainst(index, shards, found);
            if (allowed.HasFlag(InputCautions.Index))
            {
                return new ShardedCheckpoint(folder, shards, home, [.. found.Warning is { } warning ? [warning] : Array.Empty<string>(), .. Compare(index, indexPath, shards)]);
            }

            found.ThrowIfAny();
            return new ShardedCheckpoint(folder, shards, home, Compare(index, indexPath, shards));
        }
        catch
        {
            shards.ForEach(s => s.Dispose());
            throw;
        }
    }

    public string? FileOf(string name) => _home[name].Name;

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.Window(Name, name, offset, destination.Length);
        _home[name].Read(name, offset, destination);
    }

    public void Dispose() => _shards.ForEach(s => s.Dispose());

    private static Dictionary<string, SafeTensorsFile> HoldAgainst(ShardIndex index, List<SafeTensorsFile> shards, Disagreements found)
    {
        Dictionary<string, SafeTensorsFile> home = new(StringComparer.Ordinal);
        foreach (SafeTensorsFile shard in shards)
        {
            string file = Path.GetFileName(shard.Name);
            foreach (TensorInfo tensor in shard.Tensors)
            {
                string name = Printable.Escape(tensor.Name);
                if (home.TryGetValue(tensor.Name, out SafeTensorsFile? other))
                {
                    throw new CheckpointException(shard.Name, tensor.Name,
                        $"Tensor {name} lies both in {Printable.Escape(other.Name)} and in {Printable.Escape(shard.Name)}; one place is expected. Remedy: write the shards again.");
                }

                if (!index.Map.TryGetValue(tensor.Name, out string? expected) || expected != file)
                {
                    found.Add(shard.Name, tensor.Name, $"tensor {name} lies in {Printable.Escape(shard.Name)}, but the index {(expected is null ? "does not name it" : "sends it to " + Printable.Escape(expected))}");
                }

                home.Add(tensor.Name, shard);
            }
        }

        foreach ((string tensor, string file) in index.Map.Where(m => !home.ContainsKey(m.Key)))
        {
            found.Add(Path.Combine(Path.GetDirectoryName(found.Index)!, file), tensor, $"the index sends tensor {Printable.Escape(tensor)} to {Printable.Escape(file)}, which does not hold it");
        }

        return home;
    }

    /// <summary>What an index and its shards do not agree on.</summary>
    private sealed class Disagreements(string index)
    {
        private const int Named = 3;

        private readonly List<string> _texts = [];
        private string? _file, _tensor;

        public string Index => index;

        /// <summary>All in one sentence; null for none.</summary>
        public string? Warning => _texts.Count == 0 ? null
            : $"{Printable.Escape(index)} and its shards disagree: {string.Join("; ", _texts.Take(Named))}{(_texts.Count > Named ? $"; and {_texts.Count - Named} more" : "")}; the shards are believed.";

        public void Add(string file, string tensor, string text)
        {
            (_file, _tensor) = (_file ?? file, _tensor ?? tensor);
            _texts.Add(text);
        }

        public void ThrowIfAny()
        {
            if (Warning is { } warning)
            {
                throw new CheckpointException(_file!, _tensor, warning.Replace("; the shards are believed.", ". Remedy: fetch shards and index of the same version; or let the shards be believed (--allow index, InputCautions.Index in code).", StringComparison.Ordinal));
            }
        }
    }

    private static List<string> Compare(ShardIndex index, string indexPath, List<SafeTensorsFile> shards)
    {
        long found = shards.Sum(s => s.Tensors.Sum(t => t.ByteLength));
        return index.TotalSize is { } said && said != found
            ? [$"{Printable.Escape(indexPath)} says total_size {said}, but the tensors have {found} bytes; the tensors are believed."]
            : [];
    }

    /// <summary>What the shards agree on, and what only some of them say.</summary>
    private static Dictionary<string, string> MergeMetadata(List<SafeTensorsFile> shards) => shards
        .SelectMany(s => s.Metadata)
        .GroupBy(m => m.Key, StringComparer.Ordinal)
        .Where(g => g.Select(m => m.Value).Distinct(StringComparer.Ordinal).Count() == 1)
        .ToDictionary(g => g.Key, g => g.First().Value, StringComparer.Ordinal);
}
