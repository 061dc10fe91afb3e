namespace LayerSwap.Tests.Tensors;

public class TensorShapeTests
{
    [Fact]
    public void A_shape_has_its_extents()
    {
        TensorShape shape = new(4, 8, 3);
        Assert.Equal(3, shape.Rank);
        Assert.Equal(8, shape[1]);
        Assert.Equal(96, shape.ElementCount);
        Assert.Equal(new long[] { 4, 8, 3 }, shape.Extents.ToArray());
        Assert.Equal("[4, 8, 3]", shape.ToString());
    }

    [Fact]
    public void Every_scalar_has_one_element()
    {
        Assert.All(new[] { default, new TensorShape() }, scalar =>
        {
            Assert.Equal(0, scalar.Rank);
            Assert.Equal(1, scalar.ElementCount);
            Assert.Equal("[]", scalar.ToString());
            Assert.Empty(scalar.Extents);
        });
        Assert.Equal(default, new TensorShape());
        Assert.Equal(default(TensorShape).GetHashCode(), new TensorShape().GetHashCode());
        Assert.Throws<InvalidOperationException>(() => default(TensorShape).WithRows(2));
    }

    [Fact]
    public void An_empty_tensor_has_no_elements()
    {
        Assert.Equal(0, new TensorShape(0).ElementCount);
        Assert.Equal(0, new TensorShape(4, 0, 8).ElementCount);
        Assert.Equal(0, new TensorShape(0, long.MaxValue, long.MaxValue).ElementCount);
    }

    [Fact]
    public void Too_many_elements_overflow()
    {
        Assert.Equal(long.MaxValue, new TensorShape(long.MaxValue).ElementCount);
        Assert.Throws<OverflowException>(() => new TensorShape(1L << 32, 1L << 31));
        Assert.Throws<OverflowException>(() => new TensorShape(1L << 32, 1L << 32));
        Assert.Throws<OverflowException>(() => new TensorShape(long.MaxValue, 2, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TensorShape(3, -1));
    }

    [Fact]
    public void Rows_can_be_replaced()
    {
        Assert.Equal(new TensorShape(7, 8), new TensorShape(4, 8).WithRows(7));
        Assert.Equal(new TensorShape(0), new TensorShape(4).WithRows(0));
        Assert.Throws<OverflowException>(() => new TensorShape(1, 4).WithRows(long.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TensorShape(1, 4).WithRows(-1));
    }

    [Fact]
    public void Shapes_are_equal_by_their_extents()
    {
        TensorShape a = new(2, 3), b = new(2, 3), c = new(3, 2), d = new(2, 3, 1);
        Assert.True(a == b && a.Equals((object)b) && a.GetHashCode() == b.GetHashCode());
        Assert.True(a != c && a != d && !a.Equals("[2, 3]"));
    }

    [Fact]
    public void The_extents_given_are_copied()
    {
        long[] extents = [2, 3];
        TensorShape shape = new(extents);
        extents[0] = 9;
        Assert.Equal(new TensorShape(2, 3), shape);
    }
}
