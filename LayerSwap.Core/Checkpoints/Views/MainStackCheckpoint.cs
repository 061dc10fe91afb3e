namespace LayerSwap.Checkpoints;

/// <summary>A view with a chosen main stack, in place of the one detected from names. Disposing does not close the checkpoint.</summary>
internal sealed class MainStackCheckpoint(ICheckpoint inner, string stack) : ICheckpoint, ICheckpointView
{
    public ICheckpoint ConfigSource => inner;

    public string? MainStack => stack;

    public string Name => inner.Name;

    public string? Folder => inner.Folder;

    public IReadOnlyList<TensorInfo> Tensors => inner.Tensors;

    public IReadOnlyDictionary<string, string> Metadata => inner.Metadata;

    public IReadOnlyList<CheckpointFile> Files => inner.Files;

    /// <summary>Creates a view with the given main stack.</summary>
    /// <exception cref="MergeException">The checkpoint has no such stack.</exception>
    public static ICheckpoint Create(ICheckpoint checkpoint, string stack)
    {
        LayerMap map = LayerMap.Of(checkpoint);
        return map.MainStack == stack ? checkpoint
            : map.Stacks.ContainsKey(stack) ? new MainStackCheckpoint(checkpoint, stack)
            : throw new MergeException($"{Printable.Escape(checkpoint.Name)} has no stack of layers {Printable.Escape(stack)}. "
                + $"Remedy: choose one of {string.Join(", ", map.Stacks.Keys.Select(Printable.Escape))}.");
    }

    public IReadOnlyList<string> Warnings => inner.Warnings;

    public string? FileOf(string name) => inner.FileOf(name);

    public DType DefaultDType(string name) => inner.DefaultDType(name);

    public TensorInfo? Find(string name) => inner.Find(name);

    public void Read(string name, long offset, Span<byte> destination) => inner.Read(name, offset, destination);

    public void Dispose()
    {
    }
}
