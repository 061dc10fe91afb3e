namespace LayerSwap;

/// <summary>The element type of a tensor, in the order of the safetensors reference. Files sort tensors by it, descending.</summary>
public enum DType
{
    /// <summary>Boolean, one byte per element.</summary>
    Bool,

    /// <summary>4-bit float (E2M1), two elements per byte.</summary>
    Float4,

    /// <summary>6-bit float, 2 exponent and 3 mantissa bits.</summary>
    Float6E2M3,

    /// <summary>6-bit float, 3 exponent and 2 mantissa bits.</summary>
    Float6E3M2,

    /// <summary>Unsigned 8-bit integer.</summary>
    UInt8,

    /// <summary>Signed 8-bit integer.</summary>
    Int8,

    /// <summary>8-bit float, 5 exponent and 2 mantissa bits, with infinities.</summary>
    Float8E5M2,

    /// <summary>8-bit float, 4 exponent and 3 mantissa bits, finite (E4M3FN).</summary>
    Float8E4M3,

    /// <summary>8-bit power of two, used as a block scale.</summary>
    Float8E8M0,

    /// <summary>8-bit float, 4 exponent and 3 mantissa bits, finite, no negative zero.</summary>
    Float8E4M3Fnuz,

    /// <summary>8-bit float, 5 exponent and 2 mantissa bits, finite, no negative zero.</summary>
    Float8E5M2Fnuz,

    /// <summary>Signed 16-bit integer.</summary>
    Int16,

    /// <summary>Unsigned 16-bit integer.</summary>
    UInt16,

    /// <summary>IEEE 754 half precision (float16).</summary>
    Float16,

    /// <summary>bfloat16: the upper 16 bits of a float32.</summary>
    BFloat16,

    /// <summary>Signed 32-bit integer.</summary>
    Int32,

    /// <summary>Unsigned 32-bit integer.</summary>
    UInt32,

    /// <summary>IEEE 754 single precision (float32).</summary>
    Float32,

    /// <summary>Complex number of two float32.</summary>
    Complex64,

    /// <summary>IEEE 754 double precision (float64).</summary>
    Float64,

    /// <summary>Signed 64-bit integer.</summary>
    Int64,

    /// <summary>Unsigned 64-bit integer.</summary>
    UInt64,
}
