namespace LayerSwap.Checkpoints;

/// <summary>A view of tensors of several checkpoints under new names. Disposing does not close the checkpoints.</summary>
internal sealed class MappedCheckpoint : ICheckpoint, ICheckpointView
{
    private readonly TensorList _tensors;
    private readonly Dictionary<string, (ICheckpoint Checkpoint, string Name)> _sources = new(StringComparer.Ordinal);

    /// <param name="name">The name of the view.</param>
    /// <param name="configSource">The checkpoint whose auxiliary files and metadata the view has.</param>
    /// <param name="tensors">The tensors, with their names in the view.</param>
    /// <exception cref="MergeException">Two tensors have the same name in the view.</exception>
    public MappedCheckpoint(
        string name, ICheckpoint configSource, IEnumerable<(string Name, ICheckpoint Checkpoint, TensorInfo Tensor)> tensors)
    {
        Name = name;
        ConfigSource = configSource;
        List<TensorInfo> infos = [];
        foreach ((string newName, ICheckpoint checkpoint, TensorInfo tensor) in tensors)
        {
            if (!_sources.TryAdd(newName, (checkpoint, tensor.Name)))
            {
                (ICheckpoint first, string firstName) = _sources[newName];
                throw new MergeException(
                    $"Stacked, {Printable.Escape(firstName)} of {Printable.Escape(first.Name)} "
                    + $"and {Printable.Escape(tensor.Name)} of {Printable.Escape(checkpoint.Name)} "
                    + $"would both be called {Printable.Escape(newName)}. Remedy: number the model's layers without leading zeros.");
            }

            infos.Add(new TensorInfo(newName, tensor.DType, tensor.Shape));
        }

        _tensors = new TensorList(infos);
        Files = [.. _sources.Values.Select(s => s.Checkpoint).Distinct().SelectMany(c => c.Files)];
    }

    /// <summary>The slices of a stack, lowest first; null if the view is not a stack.</summary>
    public IReadOnlyList<(ICheckpoint Model, int Start, int End)>? Slices { get; init; }

    /// <summary>The layer number in its own model of each layer of a stack; null if the view is not a stack.</summary>
    public IReadOnlyList<int>? SourceLayers { get; init; }

    public string Name { get; }

    public ICheckpoint ConfigSource { get; }

    public string? Folder => ConfigSource.Folder;

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata => ConfigSource.Metadata;

    public IReadOnlyList<CheckpointFile> Files { get; }

    /// <summary>The checkpoint that a tensor is read from.</summary>
    public ICheckpoint FindSource(string name) => _sources[name].Checkpoint;

    public IReadOnlyList<string> Warnings => [.. _sources.Values.Select(s => s.Checkpoint).Distinct().SelectMany(c => c.Warnings)];

    public string? FileOf(string name) => _sources[name].Checkpoint.FileOf(_sources[name].Name);

    public DType DefaultDType(string name) => _sources[name].Checkpoint.DefaultDType(_sources[name].Name);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.CheckRange(Name, name, offset, destination.Length);
        (ICheckpoint checkpoint, string sourceName) = _sources[name];
        checkpoint.Read(sourceName, offset, destination);
    }

    public void Dispose()
    {
    }
}
