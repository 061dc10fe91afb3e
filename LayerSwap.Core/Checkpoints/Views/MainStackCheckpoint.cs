namespace LayerSwap.Checkpoints;

/// <summary>A view of a checkpoint whose layers are counted in another stack than the one that its names suggest. Nothing is copied, and the other is not closed with it.</summary>
internal sealed class MainStackCheckpoint(ICheckpoint donor, string stack) : ICheckpoint, ICheckpointView
{
    public ICheckpoint Donor => donor;

    public string? MainStack => stack;

    public string Name => donor.Name;

    public string? Folder => donor.Folder;

    public IReadOnlyList<TensorInfo> Tensors => donor.Tensors;

    public IReadOnlyDictionary<string, string> Metadata => donor.Metadata;

    public IReadOnlyList<CheckpointFile> Files => donor.Files;

    /// <exception cref="MergeException">The checkpoint has no such stack.</exception>
    public static ICheckpoint Of(ICheckpoint checkpoint, string stack)
    {
        LayerMap map = LayerMap.Of(checkpoint);
        return map.MainStack == stack ? checkpoint
            : map.Stacks.ContainsKey(stack) ? new MainStackCheckpoint(checkpoint, stack)
            : throw new MergeException($"{Printable.Escape(checkpoint.Name)} has no stack of layers {Printable.Escape(stack)}. Remedy: choose one of {string.Join(", ", map.Stacks.Keys.Select(Printable.Escape))}.");
    }

    public string? FileOf(string name) => donor.FileOf(name);

    public TensorInfo? Find(string name) => donor.Find(name);

    public void Read(string name, long offset, Span<byte> destination) => donor.Read(name, offset, destination);

    public void Dispose()
    {
    }
}
