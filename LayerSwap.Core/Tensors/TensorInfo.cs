namespace LayerSwap;

/// <summary>The metadata of one tensor: name, element type and shape.</summary>
public sealed record TensorInfo
{
    private readonly long _byteLength;

    /// <summary>Creates the metadata of a tensor.</summary>
    /// <param name="name">The name, unique within a checkpoint.</param>
    /// <param name="dtype">The element type.</param>
    /// <param name="shape">The extents.</param>
    /// <exception cref="ArgumentException">The elements do not fill whole bytes (4- and 6-bit types).</exception>
    /// <exception cref="OverflowException">The size in bits does not fit 64 bits.</exception>
    public TensorInfo(string name, DType dtype, TensorShape shape)
    {
        ArgumentNullException.ThrowIfNull(name);
        long bits = checked(shape.ElementCount * dtype.Bits());
        if (bits % 8 != 0)
        {
            throw new ArgumentException($"{shape.ElementCount} elements of {dtype.Code()} do not fill whole bytes.", nameof(shape));
        }

        Name = name;
        DType = dtype;
        Shape = shape;
        _byteLength = bits / 8;
    }

    /// <summary>The name, unique within a checkpoint. It may contain any characters: escape it before printing.</summary>
    public string Name { get; }

    /// <summary>The element type.</summary>
    public DType DType { get; }

    /// <summary>The extents, outermost first.</summary>
    public TensorShape Shape { get; }

    /// <summary>The number of elements.</summary>
    public long ElementCount => Shape.ElementCount;

    /// <summary>The size of the data in bytes.</summary>
    public long ByteLength => _byteLength;

    /// <summary>Formats the escaped name, dtype and shape.</summary>
    public override string ToString() => $"{Printable.Escape(Name)} {DType.Code()} {Shape}";
}
