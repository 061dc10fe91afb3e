namespace LayerSwap.Checkpoints;

/// <summary>A checkpoint in memory.</summary>
internal sealed class MemoryCheckpoint : ICheckpoint
{
    private readonly TensorList _tensors;
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _data = new(StringComparer.Ordinal);

    public MemoryCheckpoint(string name, IEnumerable<(TensorInfo Tensor, ReadOnlyMemory<byte> Data)> tensors)
    {
        Name = name;
        List<TensorInfo> infos = [];
        foreach ((TensorInfo tensor, ReadOnlyMemory<byte> data) in tensors)
        {
            if (data.Length != tensor.ByteLength)
            {
                throw new ArgumentException($"{tensor} needs {tensor.ByteLength} bytes; {data.Length} were given.", nameof(tensors));
            }

            if (!_data.TryAdd(tensor.Name, data))
            {
                throw new ArgumentException(
                    $"Tensor {Printable.Escape(tensor.Name)} was given twice; names must be unique.", nameof(tensors));
            }

            infos.Add(tensor);
        }

        _tensors = new TensorList(infos);
    }

    public string Name { get; }

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.CheckRange(Name, name, offset, destination.Length);
        _data[name].Span.Slice((int)offset, destination.Length).CopyTo(destination);
    }

    public void Dispose()
    {
    }
}
