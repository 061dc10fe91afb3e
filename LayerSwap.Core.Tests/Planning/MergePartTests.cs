using System.Globalization;
using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using LayerSwap.Planning;

namespace LayerSwap.Tests.Planning;

/// <summary>Parts own the files of a plan: each file once, in order, evenly.</summary>
public sealed class MergePartTests
{
    private static readonly MergePlan Small = Merge.Onto(SmallModels.Llama("m", 1, layers: 4)).InShardsOf(20_000).Plan();

    [Fact]
    public void Every_file_has_one_owner_and_owners_follow_each_other()
    {
        var cases = from sizes in Generators.Positive.Select(s => (s >> 6) + 1).NonEmptyListOf()
                    from count in Gen.OneOf(Gen.Choose(1, 8), Gen.Choose(9, 70))
                    select (sizes, count);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            MergePlan plan = Of(c.sizes);
            MergePlan[] parts = [.. Enumerable.Range(1, c.count).Select(n => MergePart.Of(n, c.count).Of(plan))];
            Assert.Equal(plan.Files, parts.SelectMany(p => p.Files));
            Assert.Equal(plan.WriteBytes, parts.Sum(p => p.WriteBytes));
            // No part exceeds its share by more than the files at its ends.
            Int128 most = ((Int128)plan.WriteBytes / c.count) + c.sizes.Max() + 1;
            Assert.All(parts, p => Assert.True(p.WriteBytes <= most, $"{p.WriteBytes} of {plan.WriteBytes} in {c.count} parts"));
        }).Check(Properties.Config.WithMaxTest(300));
    }

    [Fact]
    public void Files_have_the_right_owners_among_very_many_parts()
    {
        var cases = from sizes in Generators.Positive.Select(s => (s >> 6) + 1).NonEmptyListOf()
                    from count in Gen.OneOf(Gen.Choose(1, int.MaxValue), Gen.Choose(int.MaxValue - 9, int.MaxValue))
                    select (sizes, count);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            MergePlan plan = Of(c.sizes);
            BigInteger before = 0;
            foreach (PlannedShard shard in plan.Shards)
            {
                int owner = (int)((before + (shard.Length / 2)) * c.count / plan.WriteBytes) + 1;
                Assert.Contains(shard.File, MergePart.Of(owner, c.count).Of(plan).Files);
                Assert.All(((int[])[owner - 1, owner + 1]).Where(o => o >= 1 && o <= c.count),
                    o => Assert.DoesNotContain(shard.File, MergePart.Of(o, c.count).Of(plan).Files));
                before += shard.Length;
            }
        }).Check(Properties.Config.WithMaxTest(100));
    }

    [Fact]
    public void Equal_files_are_distributed_evenly()
    {
        MergePlan plan = Of([.. Enumerable.Repeat(5_000_000_000L, 160)]);
        Assert.All(Enumerable.Range(1, 16), n => Assert.Equal(10, MergePart.Of(n, 16).Of(plan).Files.Count));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(100)]
    public void A_part_has_the_tensors_of_its_files_and_what_they_read(int count)
    {
        MergePlan[] parts = [.. Enumerable.Range(1, count).Select(n => MergePart.Of(n, count).Of(Small))];
        Assert.True(Small.Files.Count is > 3 and < 100);
        Assert.Equal(Small.Tensors, parts.SelectMany(p => p.Tensors));
        Assert.All(parts, p => Assert.Equal(p.Files, p.Tensors.Select(t => t.File).Distinct(StringComparer.Ordinal)));
        Assert.Equal(Small.ReadBytes, parts.Sum(p => p.ReadBytes));
        Assert.Equal(count <= 3 ? count : Small.Files.Count, parts.Count(p => p.Files.Count > 0));
    }

    [Fact]
    public void A_single_file_has_one_owner()
    {
        MergePlan plan = Merge.Onto(SmallModels.Llama("m", 1, layers: 4)).Plan();
        Assert.Equal([0, 1, 0], Enumerable.Range(1, 3).Select(n => MergePart.Of(n, 3).Of(plan).Files.Count));
    }

    [Theory]
    [InlineData("1/1", 1, 1)]
    [InlineData("3/16", 3, 16)]
    [InlineData("16/16", 16, 16)]
    [InlineData("2147483647/2147483647", int.MaxValue, int.MaxValue)]
    public void A_part_round_trips_as_text_in_any_culture(string text, int number, int count)
    {
        CultureInfo culture = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo other = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            other.NumberFormat = new NumberFormatInfo
            {
                NumberGroupSeparator = ".",
                NegativeSign = "~",
                PositiveSign = "/",
                DigitSubstitution = DigitShapes.NativeNational
            };
            CultureInfo.CurrentCulture = other;
            MergePart part = MergePart.Parse(text);
            Assert.Equal((number, count, text), (part.Number, part.Count, part.ToString()));
            Assert.Equal(MergePart.Of(number, count), part);
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("3")]
    [InlineData("3/")]
    [InlineData("/3")]
    [InlineData("1/2/3")]
    [InlineData("0/3")]
    [InlineData("4/3")]
    [InlineData("1/0")]
    [InlineData("0/0")]
    [InlineData("-1/3")]
    [InlineData("1/-3")]
    [InlineData("+1/3")]
    [InlineData("1/+3")]
    [InlineData(" 1/3")]
    [InlineData("1/3 ")]
    [InlineData("1 / 3")]
    [InlineData("1/3\n")]
    [InlineData("1.0/3")]
    [InlineData("1,0/30")]
    [InlineData("1e0/3")]
    [InlineData("0x1/3")]
    [InlineData("\u0661/\u0663")]
    [InlineData("1\\3")]
    [InlineData("1 of 3")]
    [InlineData("1/2147483648")]
    [InlineData("4294967297/4294967299")]
    [InlineData("1/99999999999999999999999999999999999999")]
    public void Invalid_parts_are_not_parsed(string? text) => Assert.False(MergePart.TryParse(text, out _));

    [Theory]
    [InlineData(0, 1)]
    [InlineData(2, 1)]
    [InlineData(-1, 1)]
    [InlineData(1, 0)]
    [InlineData(0, 0)]
    [InlineData(1, -1)]
    [InlineData(int.MinValue, int.MaxValue)]
    public void A_part_out_of_range_is_rejected(int number, int count) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => MergePart.Of(number, count));

    /// <summary>Creates a plan with files of the given sizes.</summary>
    private static MergePlan Of(IReadOnlyList<long> sizes) => Small with
    {
        Tensors = [],
        Shards = [.. sizes.Select((s, i) => new PlannedShard($"{i}", [], [], s))],
        WriteBytes = sizes.Sum(),
    };
}
