namespace LayerSwap.Checkpoints;

/// <summary>A view of a checkpoint whose tensors have other beginnings of their names. Nothing is copied, and the other is not closed with it.</summary>
internal sealed class RenamedCheckpoint : ICheckpoint, ICheckpointView
{
    private readonly TensorList _tensors;
    private readonly Dictionary<string, string> _origins;

    private RenamedCheckpoint(ICheckpoint inner, Dictionary<string, string> origins)
    {
        Donor = inner;
        _origins = origins;
        _tensors = new TensorList(origins.Select(o => inner.Find(o.Value) is { } tensor ? new TensorInfo(o.Key, tensor.DType, tensor.Shape) : throw new InvalidOperationException($"{o.Value} is gone.")));
    }

    public ICheckpoint Donor { get; }

    /// <summary>Whether names are mapped, not only one more given.</summary>
    public bool IsMapped { get; private init; }

    public string Name => Donor.Name;

    public string? Folder => Donor.Folder;

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata => Donor.Metadata;

    public IReadOnlyList<CheckpointFile> Files => Donor.Files;

    /// <summary>Renames where a prefix concerns the checkpoint; of several that fit a name the first counts.</summary>
    /// <returns>The checkpoint itself where none does.</returns>
    /// <exception cref="MergeException">Two tensors would have one name.</exception>
    public static ICheckpoint Of(ICheckpoint checkpoint, IReadOnlyList<NamePrefix> prefixes)
    {
        NamePrefix[] concerning = [.. prefixes.Where(p => p.Concerns(checkpoint))];
        if (concerning.Length == 0)
        {
            return checkpoint;
        }

        Dictionary<string, string> origins = new(checkpoint.Tensors.Count, StringComparer.Ordinal);
        foreach (string name in checkpoint.Tensors.Select(t => t.Name))
        {
            NamePrefix? prefix = Array.Find(concerning, p => name.StartsWith(p.Old, StringComparison.Ordinal));
            string renamed = prefix is null ? name : prefix.New + name[prefix.Old.Length..];
            if (!origins.TryAdd(renamed, name))
            {
                throw new MergeException($"Renamed by {string.Join(", ", concerning.Select(p => $"'{Printable.Escape(p.ToString())}'"))}, two tensors of {Printable.Escape(checkpoint.Name)} would be called {Printable.Escape(renamed)}. Remedy: choose other prefixes.");
            }
        }

        return new RenamedCheckpoint(checkpoint, origins) { IsMapped = true };
    }

    /// <summary>A checkpoint with one more name for one of its tensors.</summary>
    public static ICheckpoint WithAlias(ICheckpoint checkpoint, string name, string of)
    {
        Dictionary<string, string> origins = checkpoint.Tensors.ToDictionary(t => t.Name, t => t.Name, StringComparer.Ordinal);
        origins.Add(name, of);
        return new RenamedCheckpoint(checkpoint, origins);
    }

    public string? FileOf(string name) => Donor.FileOf(_origins[name]);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.Window(Name, name, offset, destination.Length);
        Donor.Read(_origins[name], offset, destination);
    }

    public void Dispose()
    {
    }
}
