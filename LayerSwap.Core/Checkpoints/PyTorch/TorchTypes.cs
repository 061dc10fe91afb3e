namespace LayerSwap.Checkpoints.PyTorch;

/// <summary>Names of torch's storage classes and dtypes.</summary>
internal static class TorchTypes
{
    private static readonly Dictionary<string, DType> Storages = new(StringComparer.Ordinal)
    {
        ["FloatStorage"] = DType.Float32,
        ["DoubleStorage"] = DType.Float64,
        ["HalfStorage"] = DType.Float16,
        ["BFloat16Storage"] = DType.BFloat16,
        ["LongStorage"] = DType.Int64,
        ["IntStorage"] = DType.Int32,
        ["ShortStorage"] = DType.Int16,
        ["CharStorage"] = DType.Int8,
        ["ByteStorage"] = DType.UInt8,
        ["BoolStorage"] = DType.Bool,
        ["ComplexFloatStorage"] = DType.Complex64,
    };

    private static readonly Dictionary<string, DType?> DTypeNames = new(StringComparer.Ordinal)
    {
        ["float32"] = DType.Float32,
        ["float"] = DType.Float32,
        ["float64"] = DType.Float64,
        ["double"] = DType.Float64,
        ["float16"] = DType.Float16,
        ["half"] = DType.Float16,
        ["bfloat16"] = DType.BFloat16,
        ["int64"] = DType.Int64,
        ["long"] = DType.Int64,
        ["int32"] = DType.Int32,
        ["int"] = DType.Int32,
        ["int16"] = DType.Int16,
        ["short"] = DType.Int16,
        ["int8"] = DType.Int8,
        ["uint8"] = DType.UInt8,
        ["uint16"] = DType.UInt16,
        ["uint32"] = DType.UInt32,
        ["uint64"] = DType.UInt64,
        ["bool"] = DType.Bool,
        ["complex64"] = DType.Complex64,
        ["complex128"] = null,
        ["complex32"] = null,
        ["float8_e4m3fn"] = DType.Float8E4M3,
        ["float8_e5m2"] = DType.Float8E5M2,
        ["float8_e4m3fnuz"] = DType.Float8E4M3Fnuz,
        ["float8_e5m2fnuz"] = DType.Float8E5M2Fnuz,
        ["float8_e8m0fnu"] = DType.Float8E8M0,
    };

    /// <summary>Storage classes without an equal dtype here, with the width of an element in bytes.</summary>
    private static readonly Dictionary<string, int> OtherStorages = new(StringComparer.Ordinal)
    {
        ["ComplexDoubleStorage"] = 16,
        ["ComplexHalfStorage"] = 4,
    };

    public static bool IsStorage(PickleGlobal global) =>
        (global.Module == "torch" && (Storages.ContainsKey(global.Name) || OtherStorages.ContainsKey(global.Name)))
        || IsUntyped(global);

    public static bool IsUntyped(PickleGlobal global) => global is { Module: "torch.storage", Name: "UntypedStorage" };

    public static DType? StorageDType(PickleGlobal global) => Storages.TryGetValue(global.Name, out DType dtype) ? dtype : null;

    public static bool IsDType(PickleGlobal global) => global.Module == "torch" && DTypeNames.ContainsKey(global.Name);

    public static DType? ToDType(PickleGlobal global) => DTypeNames[global.Name];

    /// <summary>The width of a storage's element in bytes; 1 for an untyped storage.</summary>
    public static int Width(TorchStorage storage) =>
        storage.DType is { } dtype ? dtype.Bits() / 8 : OtherStorages.GetValueOrDefault(storage.TypeName, 1);
}
