using LayerSwap.Tests.Numerics;

namespace LayerSwap.Tests.Merging;

/// <summary>Results of 16 bits are rounded once: what lies next to the middle between two of them, by less than a float can tell, is
/// rounded to the right side.</summary>
public class SingleRoundingTests
{
    [Theory]
    [InlineData(DType.BFloat16, 8)]
    [InlineData(DType.Float16, 11)]
    public void Values_near_a_midpoint_are_rounded_correctly(DType dtype, int bits)
    {
        SmallFloat format = dtype == DType.BFloat16 ? SmallFloat.BFloat16 : SmallFloat.Float16;
        Noise noise = new(5);
        for (int length = 1; length < 70; length += 3)
        {
            // 1 + k ulps, half an ulp more, and a very little more or less.
            double[] near = [.. Enumerable.Range(0, length).Select(_ => 1 + (noise.Below(1 << (bits - 1)) * Math.ScaleB(1, 1 - bits)))];
            double[] ones = [.. Enumerable.Repeat(1.0, length)],
                little = [.. Enumerable.Range(0, length).Select(_ => (noise.Below(3) - 1.0) * (1 + noise.Below(100)) / 128)];
            double half = Math.ScaleB(1, -bits), tiny = Math.ScaleB(1, -40);
            double[] exact = [.. near.Select((n, i) => n + half + (tiny * format.Round(little[i])))];
            ICheckpoint Model(string name, double[] values) => SmallModels.Of(name, dtype, ("w", [length], values));
            MergePlan plan = Merge.WithoutBase().With(Model("near", near)).With(Model("ones", ones), half)
                .With(Model("little", little), tiny).Using(MergeStrategies.Linear(new() { Normalize = false })).Plan();
            Assert.Equal(exact.Select(format.Round), SmallModels.Values(plan.AsCheckpoint(), "w"));

            ICheckpoint zero = Model("base", new double[length]);
            plan = Merge.Onto(zero).With(Model("near", near)).With(Model("ones", ones), half)
                .With(Model("little", little), tiny).TaskArithmetic().Plan();
            Assert.Equal(exact.Select(format.Round), SmallModels.Values(plan.AsCheckpoint(), "w"));
        }
    }
}
