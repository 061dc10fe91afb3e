namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>What the golden cases do not reach: the places where methods.md departs from the established tool, counted by hand.</summary>
public class OracleEdgeTests
{
    private static readonly double[] Zero4 = [0, 0, 0, 0];

    [Fact]
    public void Equal_magnitudes_are_decided_by_the_lower_index() =>
        Assert.Equal([true, true, false, true], KeptSets.Magnitude([1, -1, 1, 2], 0.75));

    [Fact]
    public void A_density_that_keeps_nothing_gives_the_base() =>
        Assert.Equal([5, 6], TaskVectors.Ties([5, 6], [[7, 9], [1, 2]], [1, 1], [0.4, 0.4]));

    [Fact]
    public void Outliers_go_first_and_fewer_of_them_where_both_do_not_fit()
    {
        Assert.Equal([false, true, true, false], KeptSets.WithoutOutliers([4, 3, 2, 1], 0.5, 0.25));
        Assert.Equal([false, true, true, true], KeptSets.WithoutOutliers([4, 3, 2, 1], 0.75, 0.5));
        Assert.Equal([true, true, false, false], KeptSets.WithoutOutliers([4, 3, 2, 1], 0.5, 0.01));
        Assert.Equal([true, true, true, true], KeptSets.WithoutOutliers([4, 3, 2, 1], 1, 0.5));
    }

    [Fact]
    public void Keep_probabilities_rise_with_the_rank_in_the_row()
    {
        Assert.Equal([0.4, 0.5, 0.6, 0.45, 0.6, 0.45], Rounded(KeptSets.Probabilities([1, -2, 3, 0, -1, 0], 0.5, 0.1, [2, 3])));
        Assert.Equal([0.5, 0.5], KeptSets.Probabilities([1, 2], 0.5, 0.1, [2, 1]));
        Assert.Equal([0.5], KeptSets.Probabilities([1], 0.5, 0.1, []));
        Assert.Equal([0.6, 0.4], Rounded(KeptSets.Probabilities([2, 1], 0.5, 0.1, [2])));
        Assert.Equal([1, 1], KeptSets.Probabilities([2, 1], 1, 0.1, [2]));
        Assert.Empty(KeptSets.Probabilities([], 0.5, 0.1, [0, 3]));
    }

    [Fact]
    public void Where_nothing_varies_sce_is_the_base_or_with_everything_selected_the_plain_consensus()
    {
        Assert.Equal(Zero4, Selections.Sce(Zero4, [[1, 2, 3, 4], [1, 2, 3, 4]], 0.5));
        Assert.Equal([1, 2, 3, 4], Selections.Sce(Zero4, [[1, 2, 3, 4], [1, 2, 3, 4]], 1));
    }

    [Fact]
    public void A_density_counts_varying_elements_only() =>
        Assert.Equal([false, true, false, false], Selections.SceKept(Zero4, [[1, 2, 3, 4], [1, 9, 4, 4]], 0.5));

    [Fact]
    public void Both_rescaling_methods()
    {
        bool[] kept = [true, false, false, true];
        Assert.Equal([2, 0, 0, 8], TaskVectors.DareLinear(Zero4, [[1, 2, 3, 4]], [1], [0.5], [kept]));
        Assert.Equal([4, 0, 0, 16], TaskVectors.DareLinear(Zero4, [[1, 2, 3, 4]], [1], [0.25], [kept], rescale: Rescaling.Density));
    }

    [Fact]
    public void Opposite_changes_of_the_same_size_give_the_base_of_model_stock() =>
        Assert.Equal([1, 1], BaseGeometry.ModelStock([1, 1], [[2, 3], [0, -1]], filterWise: false, [2]));

    [Fact]
    public void Antipodal_sources_are_averaged_by_multislerp() =>
        Assert.Equal([0.5, 0], Spheres.MultiSlerp([[2, 0], [-1, 0]], [1, 1]));

    [Fact]
    public void Vectors_run_along_rows_and_along_the_first_axis()
    {
        Assert.Equal([[0, 1, 2], [3, 4, 5]], Vectors.Lanes([2, 3]));
        Assert.Equal([[0, 3], [1, 4], [2, 5]], Vectors.Lanes([2, 3], 0));
        Assert.Equal([[0, 4], [1, 5], [2, 6], [3, 7]], Vectors.Lanes([2, 2, 2], 0));
        Assert.Equal([[0]], Vectors.Lanes([]));
        Assert.Empty(Vectors.Lanes([0, 3]));
        Assert.Empty(Vectors.Lanes([3, 0]));
    }

    [Fact]
    public void The_larger_share_is_taken_where_the_shares_differ_enough()
    {
        Assert.Equal([0.75, 0.25], Averages.Shares([3, 1]));
        Assert.Equal([1], Averages.ShareSwap([1], [3], 0.75, 0.25, 0.4));
        Assert.Equal([3], Averages.ShareSwap([1], [3], 0.25, 0.75, 0.4));
        Assert.Equal([2], Averages.ShareSwap([1], [3], 0.5, 0.4, 0.4));
    }

    [Fact]
    public void The_scale_of_lines_grows_over_the_depth() =>
        Assert.Equal([0.5, 0.5, 0.75, 1, 1],
            [Averages.LinesScale(0.5, 0.5, null, 3), .. Enumerable.Range(0, 3).Select(l => Averages.LinesScale(0.5, 0.5, l, 3)),
                Averages.LinesScale(0.5, 0.5, 0, 1)]);

    private static double[] Rounded(double[] values) => [.. values.Select(v => Math.Round(v, 12))];
}
