using System.Runtime.InteropServices;

namespace LayerSwap.Benchmarks.Synthetic;

/// <summary>
/// A model of any size, computed when it is read: base noise plus a delta of known strength in each layer.
/// Every element is a hash of its position, so every read gives the same values.
/// </summary>
internal sealed class GeneratedModel : ICheckpoint
{
    private const double BaseScale = 0.04;

    private readonly Dictionary<string, (TensorInfo Tensor, ulong Seed, double Delta)> _tensors = new(StringComparer.Ordinal);
    private readonly ulong _expert;

    /// <param name="name">The name of the model.</param>
    /// <param name="shape">The sizes of the tensors.</param>
    /// <param name="expert">0 for the base; other numbers for independent fine-tunings of it.</param>
    /// <param name="change">The mean absolute delta by layer number; null is outside the layers.</param>
    public GeneratedModel(string name, LlamaShape shape, int expert = 0, Func<int?, double>? change = null)
    {
        Name = name;
        _expert = (ulong)expert;
        Tensors = [.. shape.Tensors().OrderBy(t => t.Name, StringComparer.Ordinal)];
        LayerMap map = LayerMap.Of(Tensors);
        foreach (TensorInfo tensor in Tensors)
        {
            // FNV-1a of the name: string.GetHashCode differs from run to run.
            ulong seed = tensor.Name.Aggregate(14695981039346656037UL, (hash, c) => (hash ^ c) * 1099511628211UL);
            _tensors.Add(tensor.Name, (tensor, seed, change?.Invoke(map[tensor.Name].Layer) ?? 0));
        }
    }

    public string Name { get; }

    public IReadOnlyList<TensorInfo> Tensors { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public TensorInfo? Find(string name) => _tensors.TryGetValue(name, out var found) ? found.Tensor : null;

    public void Read(string name, long offset, Span<byte> destination)
    {
        (TensorInfo tensor, ulong seed, double delta) = _tensors[name];
        int width = tensor.DType.Bits() / 8;
        Span<byte> element = stackalloc byte[8];
        long index = offset / width;
        int skip = (int)(offset % width);
        while (!destination.IsEmpty)
        {
            Encode(tensor.DType, Value(seed, index++, delta), element);
            ReadOnlySpan<byte> part = element[skip..width];
            int count = Math.Min(part.Length, destination.Length);
            part[..count].CopyTo(destination);
            destination = destination[count..];
            skip = 0;
        }
    }

    public void Dispose()
    {
    }

    /// <summary>Computes an element. The mean absolute value of uniform noise in [-a, a] is a / 2.</summary>
    private float Value(ulong seed, long index, double delta)
    {
        double noise = _expert == 0 ? 0 : delta * 2 * Uniform(seed ^ (_expert * 0x9E3779B97F4A7C15), index);
        return (float)((BaseScale * 2 * Uniform(seed, index)) + noise);
    }

    /// <summary>Hashes a position to [-1, 1) with SplitMix64.</summary>
    private static double Uniform(ulong seed, long index)
    {
        ulong z = seed + ((ulong)index * 0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (2.0 / (1UL << 53)) - 1;
    }

    private static void Encode(DType dtype, float value, Span<byte> element)
    {
        switch (dtype)
        {
            case DType.Float32:
                MemoryMarshal.Write(element, value);
                break;
            case DType.Float64:
                MemoryMarshal.Write(element, (double)value);
                break;
            case DType.Float16:
                MemoryMarshal.Write(element, (Half)value);
                break;
            default:
                uint bits = BitConverter.SingleToUInt32Bits(value);
                MemoryMarshal.Write(element, (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
                break;
        }
    }
}
