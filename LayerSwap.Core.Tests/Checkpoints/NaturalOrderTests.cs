using FsCheck;
using FsCheck.Fluent;
using LayerSwap.Checkpoints;

namespace LayerSwap.Tests.Checkpoints;

public sealed class NaturalOrderTests
{
    /// <summary>Short texts of few characters: equal beginnings, leading zeros and neighbours of the digits are common.</summary>
    private static readonly Arbitrary<(string A, string B, string C)> Texts =
        Gen.Elements('0', '0', '1', '2', '9', '.', '/', ':', 'a', 'B', '\u0661', '\ud83d', '\uffff').ArrayOf()
            .Resize(7).Select(c => new string(c)).Three().Select(t => (t.Item1, t.Item2, t.Item3)).ToArbitrary();

    [Theory]
    [InlineData("layers.2.w", "layers.10.w")]
    [InlineData("layers.9", "layers.10")]
    [InlineData("a", "b")]
    [InlineData("", "a")]
    [InlineData("a", "a1")]
    [InlineData("a1", "a1b")]
    [InlineData("a1.9", "a2.1")]
    [InlineData("B", "a")]
    [InlineData("a.b", "a0b")]
    [InlineData("a9b", "a:b")]
    [InlineData("99999999999999999999999999999998", "99999999999999999999999999999999")]
    [InlineData("99999999999999999999999999999999", "100000000000000000000000000000000")]
    [InlineData("a01", "a1")]
    [InlineData("a01b2", "a1b10")]
    [InlineData("a1b", "a01c")]
    [InlineData("a0", "a00")]
    public void Numbers_sort_as_numbers(string first, string second)
    {
        Assert.True(Compare(first, second) < 0);
        Assert.True(Compare(second, first) > 0);
    }

    [Fact]
    public void The_order_is_total()
    {
        Prop.ForAll(Texts, t => Compare(t.A, t.A) == 0 && (Compare(t.A, t.B) == 0) == (t.A == t.B)).Check(Many);
        Prop.ForAll(Texts, t => Compare(t.A, t.B) == -Compare(t.B, t.A)).Check(Many);
        Prop.ForAll(Texts, t =>
        {
            string[] sorted = [t.A, t.B, t.C];
            Array.Sort(sorted, NaturalOrder.Instance);
            return Compare(sorted[0], sorted[1]) <= 0 && Compare(sorted[1], sorted[2]) <= 0 && Compare(sorted[0], sorted[2]) <= 0;
        }).Check(Many);
    }

    [Fact]
    public void Whole_numbers_sort_by_value() =>
        Prop.ForAll(
            Generators.Positive.Two().Select(t => (t.Item1, t.Item2)).ToArbitrary(),
            t => Compare($"x{t.Item1}y", $"x{t.Item2}y") == t.Item1.CompareTo(t.Item2)).Check(Properties.Config);

    private static Config Many => Properties.Config.WithMaxTest(3000);

    private static int Compare(string a, string b) => Math.Sign(NaturalOrder.Instance.Compare(a, b));
}
