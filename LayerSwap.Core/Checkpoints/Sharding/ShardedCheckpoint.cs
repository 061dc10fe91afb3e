using System.Collections.Frozen;
using LayerSwap.IO;

namespace LayerSwap.Checkpoints.Sharding;

/// <summary>A folder of shards with an index. On opening, all headers are read and checked against the index.</summary>
internal sealed class ShardedCheckpoint : ICheckpoint
{
    private readonly TensorList _tensors;
    private readonly FrozenDictionary<string, ICheckpoint> _shardOf;
    private readonly List<ICheckpoint> _shards;

    private ShardedCheckpoint(
        string folder, List<ICheckpoint> shards, Dictionary<string, ICheckpoint> shardOf, IReadOnlyList<string> warnings)
    {
        Name = folder;
        Folder = RealPath.Resolve(folder);
        _shards = shards;
        _shardOf = shardOf.ToFrozenDictionary(StringComparer.Ordinal);
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

    /// <summary>Opens all shards and checks their headers against the index.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="format">The format of the shards.</param>
    /// <param name="options">With <see cref="InputCautions.Index"/> the shards take precedence over the index.</param>
    public static ShardedCheckpoint Open(string folder, WeightsFormat format, OpenOptions options)
    {
        string indexPath = Path.Combine(folder, format.IndexFile!);
        ShardIndex index = ShardIndex.Read(indexPath);
        if (index.WeightMap.Count == 0)
        {
            throw new CheckpointException(indexPath, null,
                $"{Printable.Escape(indexPath)} has a weight_map that names no tensor; at least one is expected. "
                + "Remedy: fetch or write the index again.");
        }

        List<ICheckpoint> shards = [];
        try
        {
            foreach (string file in index.WeightMap.Values.Distinct(StringComparer.Ordinal).Order(NaturalOrder.Instance))
            {
                string path = Path.Combine(folder, file);
                if (!InputFile.Exists(path))
                {
                    throw new CheckpointException(path, null, $"{Printable.Escape(path)} is missing, but {format.IndexFile} names it. "
                        + "Remedy: fetch every shard of the model.");
                }

                shards.Add(format.Open(path, options));
            }

            IndexMismatches mismatches = new(indexPath);
            Dictionary<string, ICheckpoint> shardOf = CheckAgainstIndex(index, shards, mismatches);
            List<string> warnings = CompareTotalSize(index, indexPath, shards);
            if (!options.Allowed.HasFlag(InputCautions.Index))
            {
                mismatches.ThrowIfAny();
            }
            else if (mismatches.Warning is { } warning)
            {
                warnings.Insert(0, warning);
            }

            warnings.AddRange(shards.SelectMany(s => s.Warnings));
            return new ShardedCheckpoint(folder, shards, shardOf, warnings);
        }
        catch
        {
            shards.ForEach(s => s.Dispose());
            throw;
        }
    }

    public string? FileOf(string name) => _shardOf[name].Name;

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.CheckRange(Name, name, offset, destination.Length);
        _shardOf[name].Read(name, offset, destination);
    }

    public void Dispose() => _shards.ForEach(s => s.Dispose());

    /// <summary>Maps each tensor to its shard, and collects where index and headers differ.</summary>
    private static Dictionary<string, ICheckpoint> CheckAgainstIndex(
        ShardIndex index, List<ICheckpoint> shards, IndexMismatches mismatches)
    {
        Dictionary<string, ICheckpoint> shardOf = new(StringComparer.Ordinal);
        foreach (ICheckpoint shard in shards)
        {
            string file = Path.GetFileName(shard.Name), shownFile = Printable.Escape(shard.Name);
            foreach (TensorInfo tensor in shard.Tensors)
            {
                string name = Printable.Escape(tensor.Name);
                if (shardOf.TryGetValue(tensor.Name, out ICheckpoint? first))
                {
                    throw new CheckpointException(shard.Name, tensor.Name,
                        $"Tensor {name} is both in {Printable.Escape(first.Name)} and in {shownFile}; one place is expected. "
                        + "Remedy: write the shards again.");
                }

                if (!index.WeightMap.TryGetValue(tensor.Name, out string? expected))
                {
                    mismatches.Add(shard.Name, tensor.Name, $"tensor {name} is in {shownFile}, but the index does not name it");
                }
                else if (expected != file)
                {
                    string text = $"tensor {name} is in {shownFile}, but the index maps it to {Printable.Escape(expected)}";
                    mismatches.Add(shard.Name, tensor.Name, text);
                }

                shardOf.Add(tensor.Name, shard);
            }
        }

        foreach ((string tensor, string file) in index.WeightMap.Where(m => !shardOf.ContainsKey(m.Key)))
        {
            mismatches.Add(
                Path.Combine(Path.GetDirectoryName(mismatches.Index)!, file),
                tensor,
                $"the index maps tensor {Printable.Escape(tensor)} to {Printable.Escape(file)}, which does not contain it");
        }

        return shardOf;
    }

    /// <summary>Compares the index's total_size with the size of the tensors.</summary>
    /// <returns>A warning, or nothing.</returns>
    private static List<string> CompareTotalSize(ShardIndex index, string indexPath, List<ICheckpoint> shards)
    {
        long found = shards.Sum(s => s.Tensors.Sum(t => t.ByteLength));
        return index.TotalSize is { } total && total != found
            ? [$"{Printable.Escape(indexPath)} says total_size {total}, but the tensors have {found} bytes; total_size is ignored."]
            : [];
    }

    /// <summary>The entries whose value is the same in every shard that has the key.</summary>
    private static Dictionary<string, string> MergeMetadata(List<ICheckpoint> shards) => shards
        .SelectMany(s => s.Metadata)
        .GroupBy(m => m.Key, StringComparer.Ordinal)
        .Where(g => g.Select(m => m.Value).Distinct(StringComparer.Ordinal).Count() == 1)
        .ToDictionary(g => g.Key, g => g.First().Value, StringComparer.Ordinal);

    /// <summary>The differences between an index and the headers of its shards.</summary>
    private sealed class IndexMismatches(string index)
    {
        private const int MaxShown = 3;

        private readonly List<string> _texts = [];
        private string? _file, _tensor;

        public string Index => index;

        /// <summary>All differences in one sentence; null if there are none.</summary>
        public string? Warning => _texts.Count == 0 ? null : $"{Summary}; the shards take precedence.";

        private string Summary
        {
            get
            {
                string more = _texts.Count > MaxShown ? $"; and {_texts.Count - MaxShown} more" : "";
                return $"{Printable.Escape(index)} and its shards disagree: {string.Join("; ", _texts.Take(MaxShown))}{more}";
            }
        }

        public void Add(string file, string tensor, string text)
        {
            (_file, _tensor) = (_file ?? file, _tensor ?? tensor);
            _texts.Add(text);
        }

        public void ThrowIfAny()
        {
            if (_texts.Count > 0)
            {
                throw new CheckpointException(_file!, _tensor, $"{Summary}. Remedy: fetch shards and index of the same version; "
                    + "or let the shards take precedence (--allow index, InputCautions.Index in code).");
            }
        }
    }
}
