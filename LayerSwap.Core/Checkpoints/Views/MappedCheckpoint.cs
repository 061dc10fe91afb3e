namespace LayerSwap.Checkpoints;

/// <summary>A view: tensors of other checkpoints under names of its own. Nothing is copied, and the others are not closed with it.</summary>
internal sealed class MappedCheckpoint : ICheckpoint, ICheckpointView
{
    private readonly TensorList _tensors;
    private readonly Dictionary<string, (ICheckpoint Checkpoint, string Name)> _origins = new(StringComparer.Ordinal);

    public MappedCheckpoint(string name, ICheckpoint donor, IEnumerable<(string Name, ICheckpoint Checkpoint, TensorInfo Tensor)> tensors)
    {
        Name = name;
        Donor = donor;
        List<TensorInfo> infos = [];
        foreach ((string view, ICheckpoint checkpoint, TensorInfo tensor) in tensors)
        {
            if (!_origins.TryAdd(view, (checkpoint, tensor.Name)))
            {
                (ICheckpoint first, string firstName) = _origins[view];
                throw new MergeException($"Stacked, {Printable.Escape(firstName)} of {Printable.Escape(first.Name)} and {Printable.Escape(tensor.Name)} of {Printable.Escape(checkpoint.Name)} would both be called {Printable.Escape(view)}. "
                    + "Remedy: number the model's layers without leading zeros.");
            }

            infos.Add(new TensorInfo(view, tensor.DType, tensor.Shape));
        }

        _tensors = new TensorList(infos);
        Files = [.. _origins.Values.Select(o => o.Checkpoint).Distinct().SelectMany(c => c.Files)];
    }

    /// <summary>What it is stacked of, lowest first; null where it is another kind of view.</summary>
    public IReadOnlyList<(ICheckpoint Model, int Start, int End)>? Slices { get; init; }

    /// <summary>Where it stacks layers: the layer of its own model that each layer of the view stands for.</summary>
    public IReadOnlyList<int>? DonorLayers { get; init; }

    public string Name { get; }

    public ICheckpoint Donor { get; }

    public string? Folder => Donor.Folder;

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata => Donor.Metadata;

    public IReadOnlyList<CheckpointFile> Files { get; }

    /// <summary>The checkpoint that a tensor is of.</summary>
    public ICheckpoint OriginOf(string name) => _origins[name].Checkpoint;

    public string? FileOf(string name) => _origins[name].Checkpoint.FileOf(_origins[name].Name);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.Window(Name, name, offset, destination.Length);
        (ICheckpoint checkpoint, string origin) = _origins[name];
        checkpoint.Read(origin, offset, destination);
    }

    public void Dispose()
    {
    }
}
