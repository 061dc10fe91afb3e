using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace LayerSwap.Numerics;

/// <summary>Widens bytes of any arithmetic dtype to float32 or float64, and narrows them back with one rounding to nearest even.</summary>
internal static class ElementCodec
{
    /// <summary>Elements converted at a time through a stack buffer.</summary>
    private const int BatchLength = 512;

    /// <returns>True if all elements are known to be finite; false if that is not known.</returns>
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
                Float8 format = RequireFloat8(dtype);
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
        Span<float> float32 = stackalloc float[BatchLength];
        for (int start = 0; start < destination.Length; start += BatchLength)
        {
            int count = Math.Min(BatchLength, destination.Length - start);
            Widen(dtype, source.Slice(start * width, count * width), float32[..count]);
            TensorPrimitives.ConvertTruncating<float, double>(float32[..count], destination.Slice(start, count));
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
                RequireFloat8(dtype).Narrow(source, destination);
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
                NarrowThroughFloat32(dtype, source, destination);
                break;
        }
    }

    /// <summary>Narrows float64 to 16 or 8 bits through a float32 rounded to odd, so that the result is rounded only once.</summary>
    private static void NarrowThroughFloat32(DType dtype, ReadOnlySpan<double> source, Span<byte> destination)
    {
        int width = dtype.Bits() / 8;
        Span<float> float32 = stackalloc float[BatchLength];
        for (int start = 0; start < source.Length; start += BatchLength)
        {
            int count = Math.Min(BatchLength, source.Length - start);
            for (int i = 0; i < count; i++)
            {
                float32[i] = SixteenBitFloats.RoundToOdd(source[start + i]);
            }

            Narrow(dtype, float32[..count], destination.Slice(start * width, count * width));
        }
    }

    private static Float8 RequireFloat8(DType dtype) =>
        Float8.For(dtype) ?? throw new NotSupportedException($"No arithmetic is defined on {dtype.Code()}.");
}
