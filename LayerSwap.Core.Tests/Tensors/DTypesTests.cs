namespace LayerSwap.Tests.Tensors;

public class DTypesTests
{
    /// <summary>As the safetensors reference lists them.</summary>
    private const string Reference =
        "BOOL 8, F4 4, F6_E2M3 6, F6_E3M2 6, U8 8, I8 8, F8_E5M2 8, F8_E4M3 8, F8_E8M0 8, F8_E4M3FNUZ 8, F8_E5M2FNUZ 8, "
        + "I16 16, U16 16, F16 16, BF16 16, I32 32, U32 32, F32 32, C64 64, F64 64, I64 64, U64 64";

    [Fact]
    public void Codes_and_widths_are_those_of_the_reference_in_its_order()
    {
        Assert.Equal(Reference, string.Join(", ", DTypes.All.Select(d => FormattableString.Invariant($"{d.Code()} {d.Bits()}"))));
        Assert.Equal(Enum.GetValues<DType>(), DTypes.All);
    }

    [Fact]
    public void Dtype_codes_are_case_sensitive()
    {
        Assert.All(DTypes.All, dtype =>
        {
            Assert.True(DTypes.TryParse(dtype.Code(), out DType found));
            Assert.Equal(dtype, found);
            Assert.False(DTypes.TryParse(dtype.Code() + " ", out _));
        });
        Assert.False(DTypes.TryParse("bf16", out _));
        Assert.False(DTypes.TryParse("", out _));
        Assert.False(DTypes.TryParse("C128", out _));
    }

    [Fact]
    public void Arithmetic_is_for_floats_of_whole_bytes() =>
        Assert.Equal(
            "F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ F16 BF16 F32 F64",
            string.Join(" ", DTypes.All.Where(d => d.SupportsArithmetic()).Select(d => d.Code())));
}
