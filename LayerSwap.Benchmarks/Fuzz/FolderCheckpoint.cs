namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>A checkpoint without tensors, for readers of files in its folder.</summary>
internal sealed class FolderCheckpoint(string folder) : ICheckpoint
{
    public string Name => "fuzz";

    public IReadOnlyList<TensorInfo> Tensors => [];

    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public string? Folder => folder;

    public TensorInfo? Find(string name) => null;

    public void Read(string name, long offset, Span<byte> destination) => throw new InvalidOperationException("There is nothing to read.");

    public void Dispose()
    {
    }
}
