using System.Globalization;
using FsCheck;
using FsCheck.Fluent;

namespace LayerSwap.Tests.Common;

public class ByteSizeTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1, "1 B")]
    [InlineData(999, "999 B")]
    [InlineData(1_000, "1.00 kB")]
    [InlineData(9_994, "9.99 kB")]
    [InlineData(9_995, "10.0 kB")]
    [InlineData(99_949, "99.9 kB")]
    [InlineData(99_950, "100 kB")]
    [InlineData(999_499, "999 kB")]
    [InlineData(999_500, "1.00 MB")]
    [InlineData(16_060_522_240, "16.1 GB")]
    [InlineData(5_000_000_000_000, "5.00 TB")]
    [InlineData(long.MaxValue, "9.22 EB")]
    [InlineData(-1_500, "-1.50 kB")]
    [InlineData(long.MinValue, "-9.22 EB")]
    public void A_size_has_three_digits_and_a_unit(long bytes, string expected) => Assert.Equal(expected, ByteSize.Format(bytes));

    [Theory]
    [InlineData("5GB", 5_000_000_000)]
    [InlineData("500 MB", 500_000_000)]
    [InlineData(" 2GiB ", 2_147_483_648)]
    [InlineData("2gib", 2_147_483_648)]
    [InlineData("1.5 kB", 1_500)]
    [InlineData("1k", 1_000)]
    [InlineData("1 KiB", 1_024)]
    [InlineData("3MiB", 3_145_728)]
    [InlineData("1T", 1_000_000_000_000)]
    [InlineData("1TiB", 1_099_511_627_776)]
    [InlineData("123", 123)]
    [InlineData("123 B", 123)]
    [InlineData(".5 kB", 500)]
    [InlineData("0.0015MB", 1_500)]
    [InlineData("1.005GB", 1_005_000_000)]
    [InlineData("9007199254740993", 9_007_199_254_740_993)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void Common_notations_are_parsed(string text, long expected)
    {
        Assert.True(ByteSize.TryParse(text, out long bytes));
        Assert.Equal(expected, bytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("GB")]
    [InlineData("0")]
    [InlineData("0.4 B")]
    [InlineData("-5GB")]
    [InlineData("+5GB")]
    [InlineData("1e3")]
    [InlineData("1,5GB")]
    [InlineData("1.5.2GB")]
    [InlineData("5 apples")]
    [InlineData("5 GB each")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("9223372036854775808")]
    [InlineData("9223373TB")]
    [InlineData("99999999999999999999999999999999999999999999")]
    [InlineData("79228162514264337593543950335 TB")]
    [InlineData(".")]
    public void Invalid_sizes_are_rejected(string text)
    {
        Assert.False(ByteSize.TryParse(text, out long bytes));
        Assert.Equal(0, bytes);
    }

    [Fact]
    public void A_plain_number_of_bytes_is_read_back() =>
        Prop.ForAll(Generators.Positive.ToArbitrary(), bytes =>
            ByteSize.TryParse(bytes.ToString(CultureInfo.InvariantCulture), out long read) && read == bytes).Check(Properties.Config);

    [Fact]
    public void A_formatted_size_is_read_back_to_its_three_digits() =>
        Prop.ForAll(Generators.Positive.Where(n => n < 900_000_000_000_000).ToArbitrary(), bytes =>
            ByteSize.TryParse(ByteSize.Format(bytes), out long read)
                && Math.Abs(read - bytes) <= (bytes * 0.00501) + 1).Check(Properties.Config);

    [Fact]
    public void Units_are_decimal()
    {
        Assert.Equal(3_000, 3.KB());
        Assert.Equal(500_000_000, 500.MB());
        Assert.Equal(5_000_000_000, 5.GB());
        Assert.Equal(2_147_483_647_000_000_000, int.MaxValue.GB());
    }

    [Fact]
    public void Null_is_not_a_size() => Assert.Throws<ArgumentNullException>(() => ByteSize.TryParse(null!, out _));
}
