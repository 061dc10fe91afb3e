namespace LayerSwap.Tests.Tensors;

public class TensorInfoTests
{
    [Theory]
    [InlineData(DType.BFloat16, 6, 12)]
    [InlineData(DType.Float4, 6, 3)]
    [InlineData(DType.Float6E2M3, 4, 3)]
    [InlineData(DType.Float6E3M2, 8, 6)]
    [InlineData(DType.Bool, 5, 5)]
    [InlineData(DType.Complex64, 3, 24)]
    [InlineData(DType.Float4, 0, 0)]
    public void The_size_follows_from_the_width_in_bits(DType dtype, long elements, long bytes) =>
        Assert.Equal(bytes, new TensorInfo("x", dtype, new TensorShape(elements)).ByteLength);

    [Theory]
    [InlineData(DType.Float4, 3)]
    [InlineData(DType.Float6E2M3, 2)]
    [InlineData(DType.Float6E3M2, 5)]
    public void Elements_must_fill_whole_bytes(DType dtype, long elements) =>
        Assert.Throws<ArgumentException>(() => new TensorInfo("x", dtype, new TensorShape(elements)));

    [Fact]
    public void A_size_past_64_bits_overflows()
    {
        Assert.Throws<OverflowException>(() => new TensorInfo("x", DType.UInt8, new TensorShape(long.MaxValue)));
        Assert.Throws<OverflowException>(() => new TensorInfo("x", DType.Float32, new TensorShape(1L << 58)));
        Assert.Equal(1L << 59, new TensorInfo("x", DType.UInt8, new TensorShape(1L << 59)).ByteLength);
    }

    [Fact]
    public void Its_text_is_escaped()
    {
        Assert.Equal("a.b BF16 [2, 3]", new TensorInfo("a.b", DType.BFloat16, new TensorShape(2, 3)).ToString());
        Assert.Equal("a\\u001Bb F32 []", new TensorInfo("a\u001bb", DType.Float32, default).ToString());
        Assert.Throws<ArgumentNullException>(() => new TensorInfo(null!, DType.Float32, default));
    }

    [Fact]
    public void Equal_descriptions_are_equal()
    {
        TensorInfo one = new("x", DType.Float16, new TensorShape(2));
        Assert.Equal(one, new TensorInfo("x", DType.Float16, new TensorShape(2)));
        Assert.NotEqual(one, new TensorInfo("x", DType.BFloat16, new TensorShape(2)));
        Assert.NotEqual(one, new TensorInfo("x", DType.Float16, new TensorShape(1, 2)));
    }
}
