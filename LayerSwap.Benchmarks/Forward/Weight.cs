using System.Buffers;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Forward;

/// <summary>A weight held in the bytes that it is stored in, and widened to floats while it is used: a model takes the memory of its size, and that of its largest weight in floats.</summary>
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
        for (int at = 0; at < _bytes.Length; at += Window)
        {
            checkpoint.Read(name, at, _bytes.AsSpan(at, Math.Min(Window, _bytes.Length - at)));
        }
    }

    private int Width => _dtype.Bits() / 8;

    /// <summary>Some of its elements as floats.</summary>
    public float[] Values(int first, int count)
    {
        float[] values = new float[count];
        ElementCodec.Widen(_dtype, _bytes.AsSpan(first * Width, count * Width), values);
        return values;
    }

    /// <summary>All of them.</summary>
    public float[] Values() => Values(0, _bytes.Length / Width);

    /// <summary><c>weight x input</c>.</summary>
    public Matrix Times(Matrix input)
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
