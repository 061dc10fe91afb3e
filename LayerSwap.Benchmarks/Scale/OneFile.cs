namespace LayerSwap.Benchmarks.Scale;

/// <summary>
/// What a plan will write into one of its files, computed on demand. There is no call for working a part of a plan; saving this is how the public ones do it.
/// </summary>
internal sealed class OneFile : ICheckpoint
{
    private readonly ICheckpoint _whole;
    private readonly HashSet<string> _names;

    public OneFile(MergePlan plan, string file)
    {
        Name = file;
        _whole = plan.AsCheckpoint();
        Tensors = [.. plan.Tensors.Where(t => t.File == file).Select(t => t.Tensor)];
        _names = [.. Tensors.Select(t => t.Name)];
    }

    public string Name { get; }

    public IReadOnlyList<TensorInfo> Tensors { get; }

    public IReadOnlyDictionary<string, string> Metadata => _whole.Metadata;

    public IReadOnlyList<CheckpointFile> Files => _whole.Files;

    public TensorInfo? Find(string name) => _names.Contains(name) ? _whole.Find(name) : null;

    public void Read(string name, long offset, Span<byte> destination) => _whole.Read(name, offset, destination);

    public void Dispose() => _whole.Dispose();
}
