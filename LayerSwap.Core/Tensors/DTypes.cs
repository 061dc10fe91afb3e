using System.Text;

namespace LayerSwap;

/// <summary>Properties of each <see cref="DType"/>: width, name in files, support for arithmetic.</summary>
public static class DTypes
{
    private static readonly (string Code, int Bits)[] Facts =
    [
        ("BOOL", 8), ("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6), ("U8", 8), ("I8", 8),
        ("F8_E5M2", 8), ("F8_E4M3", 8), ("F8_E8M0", 8), ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8),
        ("I16", 16), ("U16", 16), ("F16", 16), ("BF16", 16), ("I32", 32), ("U32", 32), ("F32", 32),
        ("C64", 64), ("F64", 64), ("I64", 64), ("U64", 64),
    ];

    /// <summary>All dtypes, in the order of the safetensors reference.</summary>
    public static IReadOnlyList<DType> All { get; } = [.. Enum.GetValues<DType>()];

    /// <summary>The width of one element in bits: 4, 6, 8, 16, 32 or 64.</summary>
    public static int Bits(this DType dtype) => Facts[(int)dtype].Bits;

    /// <summary>The name used in safetensors headers, such as <c>BF16</c>.</summary>
    public static string Code(this DType dtype) => Facts[(int)dtype].Code;

    /// <summary>Whether merges can compute with the dtype: F64, F32, F16, BF16 and the 8-bit floats. Others can only be copied.</summary>
    public static bool SupportsArithmetic(this DType dtype) => dtype
        is DType.Float64 or DType.Float32 or DType.Float16 or DType.BFloat16
        or DType.Float8E5M2 or DType.Float8E4M3 or DType.Float8E8M0 or DType.Float8E4M3Fnuz or DType.Float8E5M2Fnuz;

    /// <summary>Parses a safetensors dtype name. Case matters.</summary>
    public static bool TryParse(string code, out DType dtype)
    {
        ArgumentNullException.ThrowIfNull(code);
        return TryParse(code.AsSpan(), out dtype);
    }

    /// <summary>Parses a safetensors dtype name in UTF-8, without allocating a string.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> code, out DType dtype)
    {
        Span<char> text = stackalloc char[16];
        dtype = default;
        return code.Length <= text.Length
            && Encoding.ASCII.TryGetChars(code, text, out int length)
            && TryParse(text[..length], out dtype);
    }

    private static bool TryParse(ReadOnlySpan<char> code, out DType dtype)
    {
        for (int i = 0; i < Facts.Length; i++)
        {
            if (code.SequenceEqual(Facts[i].Code))
            {
                dtype = (DType)i;
                return true;
            }
        }

        dtype = default;
        return false;
    }
}
