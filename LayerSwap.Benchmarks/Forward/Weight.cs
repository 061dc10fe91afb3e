using System.Buffers;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Forward;

/// <summary>A weight in its stored dtype. It is widened to float32 only while it is used, to save memory.</summary>
internal sealed class Weight
{
    private readonly byte[] _bytes;
    private readonly DType _dtype;

    public Weight(ICheckpoint checkpoint, string name)
    {
        TensorInfo tensor = checkpoint.Find(name) ?? throw new ArgumentException($"{checkpoint.Name} has no tensor {name}.");
        _dtype = tensor.DType;
        _bytes = GC.AllocateUninitializedArray<byte>(checked((int)tensor.ByteLength));
        const int Window = 1 << 20;
        for (int offset = 0; offset < _bytes.Length; offset += Window)
        {
            checkpoint.Read(name, offset, _bytes.AsSpan(offset, Math.Min(Window, _bytes.Length - offset)));
        }
    }

    private int Width => _dtype.Bits() / 8;

    public bool HasSameBytes(Weight other) => _dtype == other._dtype && _bytes.AsSpan().SequenceEqual(other._bytes);

    /// <summary>Returns a range of elements as float32.</summary>
    public float[] Values(int first, int count)
    {
        float[] values = new float[count];
        ElementCodec.Widen(_dtype, _bytes.AsSpan(first * Width, count * Width), values);
        return values;
    }

    /// <summary>Returns all elements as float32.</summary>
    public float[] Values() => Values(0, _bytes.Length / Width);

    /// <summary>Computes <c>weight x input</c>.</summary>
    public Matrix Multiply(Matrix input)
    {
        int count = _bytes.Length / Width;
        float[] values = ArrayPool<float>.Shared.Rent(count);
        try
        {
            ElementCodec.Widen(_dtype, _bytes, values.AsSpan(0, count));
            return Matrix.Product(values.AsSpan(0, count), input);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(values);
        }
    }
}
