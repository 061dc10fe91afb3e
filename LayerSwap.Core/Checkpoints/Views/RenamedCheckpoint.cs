namespace LayerSwap.Checkpoints;

/// <summary>A view with new tensor names, by prefix or with an alias. Disposing does not close the checkpoint.</summary>
internal sealed class RenamedCheckpoint : ICheckpoint, ICheckpointView
{
    private readonly TensorList _tensors;
    private readonly Dictionary<string, string> _oldNames;

    private RenamedCheckpoint(ICheckpoint inner, Dictionary<string, string> oldNames)
    {
        ConfigSource = inner;
        _oldNames = oldNames;
        _tensors = new TensorList(oldNames.Select(o => inner.Find(o.Value) is { } tensor
            ? new TensorInfo(o.Key, tensor.DType, tensor.Shape)
            : throw new InvalidOperationException($"{o.Value} is missing.")));
    }

    public ICheckpoint ConfigSource { get; }

    /// <summary>Whether prefixes are renamed. False for an alias.</summary>
    public bool IsMapped { get; private init; }

    public string Name => ConfigSource.Name;

    public string? Folder => ConfigSource.Folder;

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata => ConfigSource.Metadata;

    public IReadOnlyList<CheckpointFile> Files => ConfigSource.Files;

    /// <summary>Renames by the prefixes that apply to the checkpoint. The first that matches a name is used.</summary>
    /// <returns>The checkpoint itself if no prefix applies.</returns>
    /// <exception cref="MergeException">Two tensors would have the same name.</exception>
    public static ICheckpoint Create(ICheckpoint checkpoint, IReadOnlyList<NamePrefix> prefixes)
    {
        NamePrefix[] applicable = [.. prefixes.Where(p => p.AppliesTo(checkpoint))];
        if (applicable.Length == 0)
        {
            return checkpoint;
        }

        Dictionary<string, string> oldNames = new(checkpoint.Tensors.Count, StringComparer.Ordinal);
        foreach (string name in checkpoint.Tensors.Select(t => t.Name))
        {
            NamePrefix? prefix = Array.Find(applicable, p => name.StartsWith(p.Old, StringComparison.Ordinal));
            string renamed = prefix is null ? name : prefix.New + name[prefix.Old.Length..];
            if (!oldNames.TryAdd(renamed, name))
            {
                string list = string.Join(", ", applicable.Select(p => $"'{Printable.Escape(p.ToString())}'"));
                throw new MergeException(
                    $"Renamed by {list}, two tensors of {Printable.Escape(checkpoint.Name)} would be called {Printable.Escape(renamed)}. "
                    + "Remedy: choose other prefixes.");
            }
        }

        return new RenamedCheckpoint(checkpoint, oldNames) { IsMapped = true };
    }

    /// <summary>Adds a second name for a tensor.</summary>
    public static ICheckpoint WithAlias(ICheckpoint checkpoint, string name, string of)
    {
        Dictionary<string, string> oldNames = checkpoint.Tensors.ToDictionary(t => t.Name, t => t.Name, StringComparer.Ordinal);
        oldNames.Add(name, of);
        return new RenamedCheckpoint(checkpoint, oldNames);
    }

    public IReadOnlyList<string> Warnings => ConfigSource.Warnings;

    public string? FileOf(string name) => ConfigSource.FileOf(_oldNames[name]);

    public DType DefaultDType(string name) => ConfigSource.DefaultDType(_oldNames[name]);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.CheckRange(Name, name, offset, destination.Length);
        ConfigSource.Read(_oldNames[name], offset, destination);
    }

    public void Dispose()
    {
    }
}
