using LayerSwap.Benchmarks.Synthetic;
using LayerSwap.Numerics;

namespace LayerSwap.Tests;

/// <summary>Small models in memory, and their elements as float64.</summary>
internal static class SmallModels
{
    /// <summary>Creates a model from float64 values, rounded once to the dtype.</summary>
    public static ICheckpoint Of(string name, DType dtype, params (string Name, long[] Shape, double[] Values)[] tensors) =>
        Checkpoint.InMemory(name,
            tensors.Select(t => (new TensorInfo(t.Name, dtype, new TensorShape(t.Shape)), (ReadOnlyMemory<byte>)Encode(dtype, t.Values))));

    /// <summary>A Llama of noise: expert 0 is the base, others are fine-tuned from it.</summary>
    public static ICheckpoint Llama(string name, int expert, DType dtype = DType.BFloat16, int layers = 8, double change = 0.01) =>
        new GeneratedModel(name, new LlamaShape { Layers = layers, DType = dtype }, expert, _ => change);

    public static byte[] Encode(DType dtype, ReadOnlySpan<double> values)
    {
        byte[] bytes = new byte[values.Length * dtype.Bits() / 8];
        ElementCodec.Narrow(dtype, values, bytes);
        return bytes;
    }

    public static byte[] Bytes(ICheckpoint checkpoint, string name)
    {
        byte[] bytes = new byte[checkpoint.Find(name)!.ByteLength];
        checkpoint.Read(name, 0, bytes);
        return bytes;
    }

    public static double[] Values(ICheckpoint checkpoint, string name)
    {
        TensorInfo tensor = checkpoint.Find(name)!;
        double[] values = new double[tensor.ElementCount];
        ElementCodec.Widen(tensor.DType, Bytes(checkpoint, name), values);
        return values;
    }
}
