using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace LayerSwap.Numerics;

/// <summary>Bytes of any arithmetic dtype to floats or doubles, and back with one rounding to nearest even.</summary>
internal static class ElementCodec
{
    private const int Chunk = 512;

    /// <returns>True where all were seen to be finite; false says nothing.</returns>
    public static bool Widen(DType dtype, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (dtype)
        {
            case DType.Float32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case DType.BFloat16:
                return SixteenBitVectors.FromBFloat16(MemoryMarshal.Cast<byte, ushort>(source), destination);
            case DType.Float16:
                SixteenBitVectors.FromFloat16(MemoryMarshal.Cast<byte, ushort>(source), destination);
                break;
            case DType.Float64:
                TensorPrimitives.ConvertTruncating<double, float>(MemoryMarshal.Cast<byte, double>(source), destination);
                break;
            default:
                Float8 format = EightBits(dtype);
                for (int i = 0; i < source.Length; i++)
                {
                    destination[i] = format.Widen(source[i]);
                }

                break;
        }

        return false;
    }

    public static void Widen(DType dtype, ReadOnlySpan<byte> source, Span<double> destination)
    {
        if (dtype == DType.Float64)
        {
            source.CopyTo(MemoryMarshal.AsBytes(destination));
            return;
        }

        int width = dtype.Bits() / 8;
        Span<float> singles = stackalloc float[Chunk];
        for (int start = 0; start < destination.Length; start += Chunk)
        {
            int count = Math.Min(Chunk, destination.Length - start);
            Widen(dtype, source.Slice(start * width, count * width), singles[..count]);
            TensorPrimitives.ConvertTruncating<float, double>(singles[..count], destination.Slice(start, count));
        }
    }

    public static void Narrow(DType dtype, ReadOnlySpan<float> source, Span<byte> destination)
    {
        switch (dtype)
        {
            case DType.Float32:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                break;
            case DType.BFloat16:
                SixteenBitVectors.ToBFloat16(source, MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            case DType.Float16:
                SixteenBitVectors.ToFloat16(source, MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            case DType.Float64:
                TensorPrimitives.ConvertTruncating<float, double>(source, MemoryMarshal.Cast<byte, double>(destination));
                break;
            default:
                EightBits(dtype).Narrow(source, destination);
                break;
        }
    }

    public static void Narrow(DType dtype, ReadOnlySpan<double> source, Span<byte> destination)
    {
        switch (dtype)
        {
            case DType.Float64:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                break;
            case DType.Float32:
                TensorPrimitives.ConvertTruncating<double, float>(source, MemoryMarshal.Cast<byte, float>(destination));
                break;
            default:
                NarrowOnce(dtype, source, destination);
                break;
        }
    }

    /// <summary>From double to 16 or 8 bits by way of a float rounded to odd, which keeps it a single rounding.</summary>
    private static void NarrowOnce(DType dtype, ReadOnlySpan<double> source, Span<byte> destination)
    {
        int width = dtype.Bits() / 8;
        Span<float> singles = stackalloc float[Chunk];
        for (int start = 0; start < source.Length; start += Chunk)
        {
            int count = Math.Min(Chunk, source.Length - start);
            for (int i = 0; i < count; i++)
            {
                singles[i] = SixteenBitFloats.ToOdd(source[start + i]);
            }

            Narrow(dtype, singles[..count], destination.Slice(start * width, count * width));
        }
    }

    private static Float8 EightBits(DType dtype) =>
        Float8.For(dtype) ?? throw new NotSupportedException($"No arithmetic is defined on {dtype.Code()}.");
}
