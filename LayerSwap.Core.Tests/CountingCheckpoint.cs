namespace LayerSwap.Tests;

/// <summary>A checkpoint that counts its reads and can be set to fail.</summary>
internal sealed class CountingCheckpoint(ICheckpoint inner) : ICheckpoint
{
    private long _bytesRead;

    public long BytesRead => Interlocked.Read(ref _bytesRead);

    /// <summary>Called before every read with the bytes read so far.</summary>
    public Action<long>? OnRead { get; init; }

    public string Name => inner.Name;

    public IReadOnlyList<TensorInfo> Tensors => inner.Tensors;

    public IReadOnlyDictionary<string, string> Metadata => inner.Metadata;

    public TensorInfo? Find(string name) => inner.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        OnRead?.Invoke(BytesRead);
        inner.Read(name, offset, destination);
        Interlocked.Add(ref _bytesRead, destination.Length);
    }

    public void Dispose() => inner.Dispose();
}
