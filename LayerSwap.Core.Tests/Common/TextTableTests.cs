using LayerSwap.Common;

namespace LayerSwap.Tests.Common;

public class TextTableTests
{
    [Fact]
    public void Columns_are_aligned_the_first_to_the_left_the_others_to_the_right()
    {
        TextTable table = new("layer", "change", "kind");
        table.AlignLeft(2).Add("0", "1.5", "attention");
        table.Add("embedding", "10.25", "x");
        Assert.Equal(
            """
            layer      change  kind
            0             1.5  attention
            embedding   10.25  x

            """,
            table.ToString());
    }

    [Fact]
    public void No_line_ends_in_spaces()
    {
        TextTable table = new TextTable("name", "note").AlignLeft(1);
        table.Add("a long name", "");
        Assert.Equal("name         note\na long name\n", table.ToString());
    }

    [Fact]
    public void A_table_may_be_empty() => Assert.Equal("a  b\n", new TextTable("a", "b").ToString());
}
