namespace LayerSwap.Tests.Merging;

public class ScheduleTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, 0.2564)]
    [InlineData(10, 0.4949)]
    [InlineData(15, 0.3923)]
    [InlineData(35, 0.8769)]
    [InlineData(39, 1)]
    public void A_gradient_has_the_values_of_mergekit(int layer, double expected) =>
        Assert.Equal(expected, Schedule.Points(0, 0.5, 0.3, 0.7, 1).At(Place(layer, 40)), 4);

    [Fact]
    public void Gradient_points_are_exact()
    {
        double[] points = [0.1, 0.7, -0.3, 1e300, 5];
        Schedule schedule = Schedule.Points(points);
        Assert.All(Enumerable.Range(0, 5), i => Assert.Equal(points[i], schedule.At(Place(i * 9, 37))));
    }

    [Fact]
    public void A_line_goes_from_the_first_to_the_last_layer()
    {
        Assert.All(Enumerable.Range(0, 11), layer => Assert.Equal(2 - (layer / 10.0), Schedule.Linear(2, 1).At(Place(layer, 11)), 1e-15));
        Assert.Equal(1, Schedule.Linear(2, 1).At(Place(10, 11)));
    }

    [Fact]
    public void A_single_layer_is_the_last() => Assert.Equal(7, Schedule.Linear(3, 7).At(Place(0, 1)));

    [Fact]
    public void Tensors_outside_the_layers_use_the_first_value()
    {
        Assert.Equal(3, Schedule.Linear(3, 7).At(Place(null, 40)));
        Assert.Equal(3, Schedule.Linear(3, 7).At(Place(null, 1)));
        Assert.Equal(3, Schedule.Linear(3, 7).At(Place(null, 0)));
    }

    [Fact]
    public void A_number_is_the_same_everywhere()
    {
        Schedule schedule = 0.25;
        Assert.All(new int?[] { null, 0, 1, 39 }, layer => Assert.Equal(0.25, schedule.At(Place(layer, 40))));
        Assert.Equal("0.25", schedule.ToString());
    }

    [Fact]
    public void Another_value_holds_where_a_selector_matches_and_the_last_one_wins()
    {
        Schedule schedule = Schedule.Linear(0, 1).Where(Layers.First(2), 5)
            .Where(Layers.Outside, Schedule.Linear(8, 9)).Where(Layers.At(1), 6);
        Assert.Equal(5, schedule.At(Place(0, 5)));
        Assert.Equal(6, schedule.At(Place(1, 5)));
        Assert.Equal(0.5, schedule.At(Place(2, 5)));
        Assert.Equal(1, schedule.At(Place(4, 5)));
        Assert.Equal(8, schedule.At(Place(null, 5)));
        Assert.Equal("5 for Layers.First(2), else [0, 1]", Schedule.Linear(0, 1).Where(Layers.First(2), 5).ToString());
    }

    [Fact]
    public void Invalid_values_are_rejected()
    {
        Assert.Throws<ArgumentException>(() => Schedule.Points());
        Assert.Throws<ArgumentException>(() => Schedule.Points(1, double.NaN));
        Assert.Throws<ArgumentException>(() => Schedule.Linear(1, double.PositiveInfinity));
        Assert.Throws<ArgumentException>(() => Schedule.FromDouble(double.NaN));
        Assert.Throws<ArgumentNullException>(() => Schedule.Linear(0, 1).Where(null!, 1));
        Assert.Throws<ArgumentNullException>(() => Schedule.Linear(0, 1).Where(Layers.All, null!));
    }

    private static TensorPlace Place(int? layer, int count) => new()
    {
        Name = "x",
        Stack = layer is null ? null : "layers",
        Layer = layer,
        LayerCount = count,
        InMainStack = layer is not null,
        Component = "x",
        Kind = TensorKind.Other,
    };
}
