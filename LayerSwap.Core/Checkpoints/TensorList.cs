namespace LayerSwap.Checkpoints;

/// <summary>Tensors in canonical order with a way to find one by name: what every checkpoint has.</summary>
internal sealed class TensorList
{
    private readonly Dictionary<string, TensorInfo> _byName;

    public TensorList(IEnumerable<TensorInfo> tensors)
    {
        Ordered = [.. tensors.OrderBy(t => t.Name, NaturalOrder.Instance)];
        _byName = Ordered.ToDictionary(t => t.Name, StringComparer.Ordinal);
    }

    public IReadOnlyList<TensorInfo> Ordered { get; }

    public TensorInfo? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The tensor, with the window checked against its size.</summary>
    public TensorInfo Window(string checkpoint, string name, long offset, int length)
    {
        TensorInfo tensor = Find(name)
            ?? throw new ArgumentException($"{Printable.Escape(checkpoint)} has no tensor {Printable.Escape(name)}.", nameof(name));
        return offset >= 0 && offset <= tensor.ByteLength - length
            ? tensor
            : throw new ArgumentOutOfRangeException(
                nameof(offset), $"Bytes {offset} to {offset + length} of {Printable.Escape(name)}, which has {tensor.ByteLength}.");
    }
}
