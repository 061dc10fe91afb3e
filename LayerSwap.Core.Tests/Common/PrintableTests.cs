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
    public void What_could_act_is_written_out(string text, string expected) => Assert.Equal(expected, Printable.Escape(text));

    [Fact]
    public void Pairs_stay_and_lone_halves_are_written_out()
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
    public void Format_characters_past_the_first_plane_are_written_out()
    {
        Assert.Equal("a\\uDB40\\uDC41b", Printable.Escape("a" + char.ConvertFromUtf32(0xE0041) + "b"));
        Assert.Equal("\\uD834\\uDD73", Printable.Escape(char.ConvertFromUtf32(0x1D173)));
    }

    [Fact]
    public void A_long_text_is_cut_and_says_so()
    {
        Assert.Equal(new string('x', 200), Printable.Escape(new string('x', 200)));
        Assert.Equal(new string('x', 200) + "... (201 characters)", Printable.Escape(new string('x', 201)));
        Assert.Equal(200 + "... (65536 characters)".Length, Printable.Escape(new string('x', 65536)).Length);
    }

    [Fact]
    public void A_cut_leaves_no_half_of_a_pair()
    {
        string escaped = Printable.Escape(new string('x', 199) + "😀😀");
        Assert.All(Enumerable.Range(0, escaped.Length),
            i => Assert.False(char.IsSurrogate(escaped[i])
                && !char.IsSurrogatePair(escaped, i == 0 || char.IsHighSurrogate(escaped[i]) ? i : i - 1)));
    }

    [Fact]
    public void No_text_is_left_able_to_act() =>
        Prop.ForAll(Gen.Choose(0, 0xFFFF).Select(c => (char)c).ArrayOf().Select(c => new string(c)).ToArbitrary(), text =>
            Printable.Escape(text).EnumerateRunes().All(r => r != Rune.ReplacementChar || text.Contains('\uFFFD', StringComparison.Ordinal))
            && Printable.Escape(text).EnumerateRunes().All(r => Rune.GetUnicodeCategory(r)
                is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
                    or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)))
            .Check(Properties.Config);

    [Fact]
    public void Nothing_is_not_a_text() => Assert.Throws<ArgumentNullException>(() => Printable.Escape(null!));
}
