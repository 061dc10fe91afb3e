using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace LayerSwap.Tests.Common;

public class PrintableTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("model.layers.0.mlp", "model.layers.0.mlp")]
    [InlineData("größe 層 \"x\" \\", "größe 層 \"x\" \\")]
    [InlineData("a\u001b[31mb", "a\\u001B[31mb")]
    [InlineData("a\0b\r\n\tc\u007f\u0085", "a\\u0000b\\u000D\\u000A\\u0009c\\u007F\\u0085")]
    [InlineData("\u202eevil\u2066x\u2069\u200b\u200f\ufeff\u00ad", "\\u202Eevil\\u2066x\\u2069\\u200B\\u200F\\uFEFF\\u00AD")]
    [InlineData("line\u2028paragraph\u2029", "line\\u2028paragraph\\u2029")]
    public void Control_characters_are_escaped(string text, string expected) => Assert.Equal(expected, Printable.Escape(text));

    [Fact]
    public void Surrogate_pairs_are_kept_and_lone_surrogates_escaped()
    {
        Assert.Equal("a😀b", Printable.Escape("a😀b"));
        Assert.Equal("a\\uD83Db", Printable.Escape("a\ud83db"));
        Assert.Equal("a\\uDE00", Printable.Escape("a\ude00"));
        Assert.Equal("\\uDE00\\uD83D", Printable.Escape("\ude00\ud83d"));
        Assert.Equal("\\uD83D😀", Printable.Escape("\ud83d😀"));
        Assert.Equal("😀\\uDE00", Printable.Escape("😀\ude00"));
    }

    /// <summary>Tag characters (U+E0000 and on) are of the format category, and invisible: text can hide in them.</summary>
    [Fact]
    public void Format_characters_outside_the_BMP_are_escaped()
    {
        Assert.Equal("a\\uDB40\\uDC41b", Printable.Escape("a" + char.ConvertFromUtf32(0xE0041) + "b"));
        Assert.Equal("\\uD834\\uDD73", Printable.Escape(char.ConvertFromUtf32(0x1D173)));
    }

    [Fact]
    public void A_long_text_is_truncated_and_marked()
    {
        Assert.Equal(new string('x', 200), Printable.Escape(new string('x', 200)));
        Assert.Equal(new string('x', 200) + "... (201 characters)", Printable.Escape(new string('x', 201)));
        Assert.Equal(200 + "... (65536 characters)".Length, Printable.Escape(new string('x', 65536)).Length);
    }

    [Fact]
    public void Truncation_does_not_split_a_surrogate_pair()
    {
        string escaped = Printable.Escape(new string('x', 199) + "😀😀");
        Assert.All(Enumerable.Range(0, escaped.Length),
            i => Assert.False(char.IsSurrogate(escaped[i])
                && !char.IsSurrogatePair(escaped, i == 0 || char.IsHighSurrogate(escaped[i]) ? i : i - 1)));
    }

    [Fact]
    public void Escaped_text_has_no_control_characters() =>
        Prop.ForAll(Gen.Choose(0, 0xFFFF).Select(c => (char)c).ArrayOf().Select(c => new string(c)).ToArbitrary(), text =>
            Printable.Escape(text).EnumerateRunes().All(r => r != Rune.ReplacementChar || text.Contains('\uFFFD', StringComparison.Ordinal))
            && Printable.Escape(text).EnumerateRunes().All(r => Rune.GetUnicodeCategory(r)
                is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
                    or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)))
            .Check(Properties.Config);

    [Fact]
    public void Null_is_rejected() => Assert.Throws<ArgumentNullException>(() => Printable.Escape(null!));
}
