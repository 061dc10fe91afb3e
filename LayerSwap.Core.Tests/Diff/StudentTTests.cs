using LayerSwap.Diff;

namespace LayerSwap.Tests.Diff;

/// <summary>Compares the quantiles of 1 % and 0.1 % with printed tables.</summary>
public sealed class StudentTTests
{
    [Theory]
    [InlineData(1, 63.657, 0.01)]
    [InlineData(2, 9.925, 0.01)]
    [InlineData(3, 5.841, 0.01)]
    [InlineData(4, 8.610, 0.001)]
    [InlineData(10, 3.169, 0.01)]
    [InlineData(30, 3.646, 0.001)]
    public void Quantiles_match_printed_tables(int freedom, double t, double probability)
    {
        Assert.Equal(probability, StudentT.TwoSidedPValue(t, freedom), probability * 1e-3);
        Assert.Equal(probability, StudentT.TwoSidedPValue(-t, freedom), probability * 1e-3);
        Assert.Equal(1, StudentT.TwoSidedPValue(0, freedom), 12);
    }
}
