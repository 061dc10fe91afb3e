using System.Globalization;
using System.Xml.Linq;

namespace LayerSwap.Tests.Reports;

/// <summary>Compares positions, sizes and colours in pictures with the measured values.</summary>
public sealed class PictureTests
{
    private static readonly XNamespace Space = "http://www.w3.org/2000/svg";

    /// <summary>Four layers, changes of 1, 2, 3, 4 in one expert and of 4, 3, 2, 1 in the other, all positive but for the last layer of the
    /// other.</summary>
    private static async Task<LayerDiffReport> ReportAsync()
    {
        ICheckpoint Model(string name, params double[] changes) =>
            SmallModels.Of(name, DType.Float32, [.. changes.Index().SelectMany(c => new (string, long[], double[])[]
        {
            // The first row and the second column of q change most.
            ($"model.layers.{c.Index}.self_attn.q_proj.weight", [2, 3], [c.Item * 1, c.Item * 3, c.Item * 1, 0, c.Item * 1, 0]),
            ($"model.layers.{c.Index}.mlp.up_proj.weight", [1, 2], [c.Item, c.Item]),
        })]);
        return await LayerDiff.From(Model("base", 0, 0, 0, 0))
            .To(Model("rising", 1, 2, 3, 4), Model("falling", 4, 3, 2, -1)).WithProfiles().RunAsync();
    }

    [Fact]
    public async Task The_first_layer_is_at_the_bottom_of_the_heat_map()
    {
        XElement picture = XElement.Parse((await ReportAsync()).ToSvg(DiffPicture.HeatMap));
        (double x, double y,
            string title)[] cells = [.. Titled(picture).Select(r => (Number(r, "x"), Number(r, "y"), r.Element(Space + "title")!.Value))];
        Assert.Equal(16, cells.Length);
        double Y(int layer) => cells.First(c => c.title.StartsWith($"rising, layer {layer} q", StringComparison.Ordinal)).y;
        Assert.True(Y(0) > Y(1) && Y(1) > Y(2) && Y(2) > Y(3));
        Assert.Contains(cells, c => c.title == "falling, layer 2 up: 2");
        XElement dark = Titled(picture)
            .First(r => r.Element(Space + "title")!.Value.StartsWith("rising, layer 0", StringComparison.Ordinal)),
                light = Titled(picture)
                    .First(r => r.Element(Space + "title")!.Value.StartsWith("rising, layer 3", StringComparison.Ordinal));
        Assert.True(Brightness(light) > Brightness(dark));
    }

    [Fact]
    public async Task Bars_are_as_high_as_the_changes()
    {
        XElement[] bars = [.. Titled(XElement.Parse((await ReportAsync()).ToSvg(DiffPicture.Bars)))];
        double Height(string start) =>
            Number(bars.Single(b => b.Element(Space + "title")!.Value.StartsWith(start, StringComparison.Ordinal)), "height");
        for (int layer = 0; layer < 4; layer++)
        {
            Assert.Equal((layer + 1) * Height("rising, layer 0"), Height($"rising, layer {layer}"), 0.1);
        }

        Assert.Equal(Height("falling, layer 0"), Height("rising, layer 3"), 0.1);
    }

    [Fact]
    public async Task Agreement_panels_match_their_titles()
    {
        string[] titles = [.. XElement.Parse((await ReportAsync()).ToSvg(DiffPicture.Agreement))
            .Descendants(Space + "title").Select(t => t.Value)];
        // Changes are parallel, so the cosine is 1, and -1 where one turned; then all elements that moved conflict: 6 of 8.
        Assert.Equal(["1", "1", "1", "-1", "0", "0", "0", "0.75", "1", "1", "1", "1"], titles.Select(t => t[(t.LastIndexOf(' ') + 1)..]));
    }

    [Fact]
    public async Task Strips_have_rows_above_and_columns_below()
    {
        LayerDiffReport report = await ReportAsync();
        XElement picture = XElement.Parse(report.ToSvg(DiffPicture.Strips));
        // Of the layer that changed most, the top one of the first panel: a row of 5/3 and one of 1/3 of its change above, columns of 1/2,
        // 2 and 1/2 below. The brightest piece is the middle column.
        string brightest = picture.Descendants(Space + "path").MaxBy(Brightness)!.Attribute("d")!.Value;
        string hint = picture.Descendants(Space + "title").Select(t => t.Value)
            .Single(t => t.StartsWith("rising, model.layers.3.self_attn.q_proj", StringComparison.Ordinal));
        Assert.Contains("rows 1.333 to 6.667 (above), columns 2 to 8 (below)", hint, StringComparison.Ordinal);
        double[] at = [.. brightest[1..brightest.IndexOf('h', StringComparison.Ordinal)]
            .Split(' ').Select(v => double.Parse(v, CultureInfo.InvariantCulture))];
        XElement frame = picture.Descendants(Space + "rect").Single(r => r.Element(Space + "title")?.Value == hint);
        Assert.InRange(at[0], Number(frame, "x") + (Number(frame, "width") * 0.3), Number(frame, "x") + (Number(frame, "width") * 0.4));
        Assert.True(at[1] > Number(frame, "y") + (Number(frame, "height") * 0.45));
    }

    [Fact]
    public async Task A_stack_is_coloured_by_the_source_of_each_layer()
    {
        LayerDiffReport report = await ReportAsync();
        ICheckpoint rising = report.Measured.Inputs[1], falling = report.Measured.Inputs[2];
        XElement picture = XElement.Parse(Merge.LayerSwap(rising, falling, bottom: 1, top: 1, transition: 1).Plan().ToSvg());
        XElement Bar(int layer) =>
            picture.Descendants(Space + "g")
                .Single(g => g.Element(Space + "title")?.Value.StartsWith($"{layer}: ", StringComparison.Ordinal) == true);
        Dictionary<string, string> colors = picture.Elements(Space + "g").Last().Elements(Space + "text")
            .Zip(picture.Elements(Space + "g").Last().Elements(Space + "rect"))
            .ToDictionary(p => p.First.Value, p => p.Second.Attribute("fill")!.Value, StringComparer.Ordinal);
        Assert.Equal([colors["falling"]], Bar(0).Elements(Space + "rect").Select(r => r.Attribute("fill")!.Value));
        Assert.Equal(new[] { colors["rising"], colors["falling"] }.Order(),
            Bar(1).Elements(Space + "rect").Select(r => r.Attribute("fill")!.Value).Order());
        Assert.Equal([colors["falling"]], Bar(3).Elements(Space + "rect").Select(r => r.Attribute("fill")!.Value));
    }

    [Fact]
    public void A_suggestion_is_drawn_with_the_outer_model_outside()
    {
        SwapSuggestion suggestion = LayerSwap.Diff.SwapSuggester.Suggest(["inner", "outer"],
            [[1, 4.1, 4, 4.2, 3.9, 4.1, 4, 1], [4, 1, 1.1, 1, 0.9, 1, 1.1, 4]]);
        Assert.Equal(("outer", 1, 1, 1), (suggestion.Outer, suggestion.Bottom, suggestion.Top, suggestion.Transition));
        XElement picture = LayerSwap.Reports.Pictures.LayerStack.Of(suggestion);
        string[] hints = [.. picture.Descendants(Space + "title").Select(h => h.Value)
            .Where(h => h.Contains(": ", StringComparison.Ordinal))];
        Assert.Equal(["0: outer", "1: inner and outer", "2: inner", "3: inner", "4: inner", "5: inner", "6: inner and outer", "7: outer"],
            hints);
        string[] bottom = [.. Fills("0: outer")], middle = [.. Fills("3: inner")];
        Assert.NotEqual(bottom, middle);
        Assert.Equal(bottom, Fills("7: outer"));

        IEnumerable<string> Fills(string hint) =>
            picture.Descendants(Space + "g").Single(g => g.Element(Space + "title")?.Value == hint)
                .Elements(Space + "rect").Select(r => r.Attribute("fill")!.Value);
    }

    /// <summary>Different weights never share a column, whatever they are called.</summary>
    [Theory]
    [InlineData("bert", "attention.self.query attention.output.dense intermediate.dense output.dense",
        "query|attention.output.dense|intermediate.dense|output.dense")]
    [InlineData("gpt2", "attn.c_attn attn.c_proj mlp.c_fc mlp.c_proj", "c_attn|attn.c_proj|c_fc|mlp.c_proj")]
    [InlineData("t5", "layer.0.SelfAttention.q layer.1.EncDecAttention.q", "SelfAttention.q|EncDecAttention.q")]
    [InlineData("moe",
        "self_attn.q_proj mlp.gate mlp.gate_proj mlp.experts.0.gate_proj mlp.experts.1.gate_proj mlp.shared_experts.gate_proj",
        "q|mlp.gate|mlp.gate_proj|experts.*.gate_proj|shared_experts.gate_proj")]
    [InlineData("llama", "self_attn.q_proj self_attn.q_proj.bias mlp.gate_proj input_layernorm post_attention_layernorm", "q|gate|norms")]
    public async Task Weights_of_one_layer_have_columns_of_their_own(string family, string components, string columns)
    {
        ICheckpoint Model(string name, double value) =>
            SmallModels.Of(name, DType.Float32, [.. Enumerable.Range(0, 2).SelectMany(l => components.Split(' ').Select(c =>
            ($"model.layers.{l}.{c}{(c.EndsWith(".bias", StringComparison.Ordinal) ? "" : ".weight")}",
                new long[] { 1, 1 }, new[] { value })))]);
        XElement picture =
            XElement.Parse((await LayerDiff.From(Model(family, 0)).To(Model("tuned", 1)).RunAsync()).ToSvg(DiffPicture.HeatMap));
        Assert.Equal(columns.Split('|').Order(StringComparer.Ordinal),
            Titled(picture).Select(t => t.Element(Space + "title")!.Value.Split("layer ")[1][2..].Split(':')[0])
                .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    private static IEnumerable<XElement> Titled(XElement picture) =>
        picture.Descendants(Space + "rect").Where(r => r.Element(Space + "title") is not null);

    private static double Number(XElement element, string name) =>
        double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);

    private static int Brightness(XElement element) =>
        element.Attribute("fill")?.Value is ['#', ..] and var color
            ? Convert.ToInt32(color[1..3], 16) + Convert.ToInt32(color[3..5], 16)
            : -1;
}
