namespace LayerSwap.Checkpoints.TorchSharp;

/// <summary>
/// Constants of TorchSharp's format (Module.save): a count, and for each tensor name, dtype, extents and data, row-major. Numbers are
/// LEB128: seven bits a byte, the low group first. There is no magic number and no checksum.
/// </summary>
internal static class TorchSharpFormat
{
    public const string Extension = ".dat";

    /// <summary>No tensor library supports a higher rank.</summary>
    public const int MaxRank = 64;

    /// <summary>The fewest bytes of an entry: lengths of name, dtype and rank, and one letter.</summary>
    public const int MinEntryLength = 4;

    /// <summary>The largest name in bytes of UTF-8.</summary>
    public const int MaxNameLength = 64 * 1024;

    private static readonly (int Code, DType DType)[] Codes =
    [
        (0, DType.UInt8), (1, DType.Int8), (2, DType.Int16), (3, DType.Int32), (4, DType.Int64), (5, DType.Float16), (6, DType.Float32),
        (7, DType.Float64), (9, DType.Complex64), (11, DType.Bool), (15, DType.BFloat16),
    ];

    /// <summary>Names of types that exist in TorchSharp only.</summary>
    private static readonly Dictionary<ulong, string> OtherTypes = new()
    {
        [8] = "complex32",
        [10] = "complex128",
        [12] = "QInt8",
        [13] = "QUInt8",
        [14] = "QInt32",
    };

    /// <summary>All dtypes that can be written.</summary>
    public static IEnumerable<DType> DTypes => Codes.Select(c => c.DType);

    public static DType? ToDType(ulong code) => Codes.Where(c => (ulong)c.Code == code).Select(c => (DType?)c.DType).FirstOrDefault();

    /// <returns>The code, or null if TorchSharp has no such type.</returns>
    public static int? ToCode(DType dtype) => Codes.Where(c => c.DType == dtype).Select(c => (int?)c.Code).FirstOrDefault();

    public static string? NameOther(ulong code) => OtherTypes.GetValueOrDefault(code);
}
