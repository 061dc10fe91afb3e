using System.Globalization;
using LayerSwap.Benchmarks.Synthetic;
using Microsoft.Playwright;

namespace LayerSwap.Tests.Reports;

/// <summary>The page as a browser shows it: nothing asked of the network, no error, nothing wider than the screen, the figures where they
/// belong.</summary>
public sealed class HtmlReportTests(Browser browser) : IClassFixture<Browser>
{
    private const string Evil = "=1+1\"'<img src=x onerror=alert(1)>\u0007\u001b[31m</script><script>document.title='taken'</script>";

    [BrowserFact]
    public async Task The_page_loads_without_errors_or_requests_at_both_widths()
    {
        using TempFolder temp = new();
        LayerDiffReport report = await MiniatureAsync(profiles: true);
        report.SaveHtml(temp["diff.html"], Merge.LayerSwap(Open("math"), Open("sahili"), bottom: 1, top: 2, transition: 1).Plan());
        foreach (int width in new[] { 1280, 400 })
        {
            (IPage page, List<string> complaints) = await browser.OpenAsync(temp["diff.html"], width);
            Assert.Empty(complaints);
            Assert.Equal("What fine-tuning changed", await page.Locator("h1").InnerTextAsync());
            Assert.Equal(["Heat-map", "By layer", "Do the models agree?", "Suggestion", "The merge", "The numbers", "How changes agree"],
                await page.Locator("h2").AllInnerTextsAsync());
            Assert.True(await page.Locator("svg text",
                new PageLocatorOptions { HasTextString = "scale: mean |W − W_base|, in the weights’ unit" }).CountAsync() >= 2);
            // Wide elements scroll, not the page.
            Assert.True(await page.EvaluateAsync<int>("document.documentElement.scrollWidth") <= width);
        }
    }

    [BrowserFact]
    public async Task A_cell_shows_the_measured_value()
    {
        using TempFolder temp = new();
        LayerDiffReport report = await MiniatureAsync(profiles: false);
        report.SaveHtml(temp["diff.html"]);
        (IPage page, _) = await browser.OpenAsync(temp["diff.html"], 1280);
        double value = report.GroupBy(LayerGrouping.Tensor).Entries.Single(e => e.Model == report.Models[1]
            && e.Name == "model.layers.5.mlp.gate_proj.weight").MeanAbsolute;
        string[] titles = [.. await page.Locator("svg title").AllTextContentsAsync()];
        Assert.Contains($"sahili, layer 5 gate: {value.ToString("G4", CultureInfo.InvariantCulture)}", titles);
        double change = report.Entries.Single(e => e.Model == report.Models[1] && e.Layer == 5).MeanAbsolute;
        Assert.Contains($"sahili, layer 5: {change.ToString("G4", CultureInfo.InvariantCulture)}", titles);
        // The largest change of a matrix has the end of the scale.
        DiffEntry largest = report.GroupBy(LayerGrouping.Tensor).Entries.Where(e => e.Model == report.Models[0]
            && !double.IsNaN(e.MatrixMeanAbsolute)).MaxBy(e => e.MatrixMeanAbsolute)!;
        string kind = largest.Component!.Split('.')[^1].Replace("_proj", "", StringComparison.Ordinal);
        Assert.Equal("#ffea46",
            await page.EvaluateAsync<string>(
                "t => [...document.querySelectorAll('svg rect.cell')].find(r => "
                    + "r.querySelector('title').textContent.startsWith(t)).getAttribute('fill')", $"math, layer {largest.Layer} {kind}:"));
    }

    [BrowserFact]
    public async Task Own_scales_change_colours_and_legend()
    {
        using TempFolder temp = new();
        (await MiniatureAsync(profiles: false)).SaveHtml(temp["diff.html"]);
        (IPage page, _) = await browser.OpenAsync(temp["diff.html"], 1280, script: false);
        // The other model's own scale ends lower, so its cells become lighter; it is no matter of scripts.
        ILocator cell = page.Locator("svg rect.cell").Nth(90);
        string shared = await cell.EvaluateAsync<string>("e => getComputedStyle(e).fill");
        Assert.Equal(0, await Visible(page, ".own-only"));
        await page.Locator("input.own").CheckAsync();
        Assert.NotEqual(shared, await cell.EvaluateAsync<string>("e => getComputedStyle(e).fill"));
        Assert.Equal((2, 0), (await Visible(page, ".picture .own-only"), await Visible(page, ".picture .shared-only")));
    }

    [BrowserFact]
    public async Task Tables_sort_by_a_click()
    {
        using TempFolder temp = new();
        (await MiniatureAsync(profiles: false)).SaveHtml(temp["diff.html"]);
        (IPage page, List<string> complaints) = await browser.OpenAsync(temp["diff.html"], 1280);
        ILocator table = page.Locator("table.sortable").First;
        await table.Locator("th", new LocatorLocatorOptions { HasTextString = "parameters" }).ClickAsync();
        double[] parameters = [.. (await table.Locator("tbody td:nth-child(4)").AllInnerTextsAsync())
            .Select(t => double.Parse(t, CultureInfo.InvariantCulture))];
        Assert.Equal(parameters.OrderDescending(), parameters);
        Assert.Empty(complaints);
    }

    [BrowserFact]
    public async Task Dark_pages_have_light_text()
    {
        using TempFolder temp = new();
        (await MiniatureAsync(profiles: false)).SaveHtml(temp["diff.html"]);
        const string luminance = "e => { const c = getComputedStyle(e).fill.match(/[0-9]+/g).map(Number); return c[0] + c[1] + c[2] }";
        (IPage light, _) = await browser.OpenAsync(temp["diff.html"], 1280);
        (IPage dark, _) = await browser.OpenAsync(temp["diff.html"], 1280, scheme: ColorScheme.Dark);
        Assert.True(await light.Locator("svg text").First.EvaluateAsync<int>(luminance) < 200);
        Assert.True(await dark.Locator("svg text").First.EvaluateAsync<int>(luminance) > 500);
    }

    [BrowserFact]
    public async Task Hostile_names_are_text()
    {
        using TempFolder temp = new();
        ICheckpoint Model(string name, double by) =>
            SmallModels.Of(name + Evil, DType.Float32, ($"model.layers.0.{Evil}", [2, 2], [1, 2, 3, by]),
                ($"model.layers.1.{Evil}", [2, 2], [1, 2, 3, by]), ($"head{Evil}", [2], [1, by]));
        LayerDiffReport report = await LayerDiff.From(Model("a", 4)).To(Model("b", 5), Model("c", 6))
            .WithProfiles().GroupBy(LayerGrouping.Tensor).RunAsync();
        report.SaveHtml(temp["diff.html"]);
        (IPage page, List<string> complaints) = await browser.OpenAsync(temp["diff.html"], 1280);
        Assert.Empty(complaints);
        Assert.StartsWith("What fine-tuning changed", await page.TitleAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await page.Locator("img").CountAsync());
        Assert.Equal(1, await page.Locator("script").CountAsync());
        foreach (DiffPicture picture in Enum.GetValues<DiffPicture>())
        {
            report.SaveSvg(picture, temp["picture.svg"]);
            (_, List<string> alone) = await browser.OpenAsync(temp["picture.svg"], 1280);
            Assert.Empty(alone);
            Assert.DoesNotContain('\u0007', File.ReadAllText(temp["picture.svg"]));
        }
    }

    [BrowserFact]
    public async Task Models_of_many_layers_many_experts_and_none_at_all_are_drawn()
    {
        using TempFolder temp = new();
        LlamaShape deep = new() { Layers = 90 };
        await SaveAsync("deep",
            LayerDiff.From(new GeneratedModel("base", deep))
                .To([.. Enumerable.Range(1, 4)
                    .Select(e => new GeneratedModel($"expert-{e}", deep, e, l => 0.001 * (1 + ((l ?? 0) % (e + 1)))))]));
        ICheckpoint Flat(string name, double value) => SmallModels.Of(name, DType.Float32, ("w", [2], [1, value]));
        await SaveAsync("flat", LayerDiff.From(Flat("a", 1)).To(Flat("b", 2)));
        await SaveAsync("broken", LayerDiff.From(Flat("a", 1)).To(Flat("b", double.NaN), Flat("c", double.PositiveInfinity)));
        await SaveAsync("same",
            LayerDiff.From(SmallModels.Llama("a", 0)).To(SmallModels.Llama("b", 0), SmallModels.Llama("c", 0))
                .WithProfiles().RankBy(DiffMetric.Cosine));

        async Task SaveAsync(string name, LayerDiff diff)
        {
            (await diff.RunAsync()).SaveHtml(temp[name + ".html"]);
            (IPage page, List<string> complaints) = await browser.OpenAsync(temp[name + ".html"], 400);
            Assert.Empty(complaints);
            Assert.True(await page.EvaluateAsync<int>("document.documentElement.scrollWidth") <= 400, name);
            Assert.DoesNotContain("NaN",
                await page.Locator("svg").First.EvaluateAsync<string>("e => e.outerHTML.replace(/<title>.*?<\\/title>/g, '')"),
                StringComparison.Ordinal);
        }
    }

    /// <summary><c>LAYERSWAP_SCREENSHOTS=1</c> writes docs/images/diff.png anew.</summary>
    [BrowserFact]
    public async Task The_picture_of_the_page_exists()
    {
        using TempFolder temp = new();
        string image = Path.Combine(Fixture.Root, "docs", "images", "diff.png");
        // Short names: the picture is not to show where it was made.
        ICheckpoint baseModel = Named("base"), math = Named("math"), sahili = Named("sahili");
        LayerDiffReport report = await LayerDiff.From(baseModel).To(math, sahili).WithProfiles().RunAsync();
        report.SaveHtml(temp["diff.html"], Merge.Onto(math).Swap(report.MoreIn(sahili).Contiguous(), from: sahili).Plan());
        (IPage page, _) = await browser.OpenAsync(temp["diff.html"], 1000, 1060, ColorScheme.Light);
        byte[] picture = await page.ScreenshotAsync();
        if (Environment.GetEnvironmentVariable("LAYERSWAP_SCREENSHOTS") is "1")
        {
            File.WriteAllBytes(image, picture);
        }

        Assert.True(File.Exists(image));
    }

    private static ICheckpoint Named(string name)
    {
        ICheckpoint model = Checkpoint.Open(Fixture.Set2(name));
        return Checkpoint.InMemory(name, model.Tensors.Select(t => (t, (ReadOnlyMemory<byte>)SmallModels.Bytes(model, t.Name))));
    }

    private static async Task<int> Visible(IPage page, string selector) =>
        (await Task.WhenAll((await page.Locator(selector).AllAsync()).Select(l => l.IsVisibleAsync()))).Count(v => v);

    private static ICheckpoint Open(string name) => Checkpoint.Open(Fixture.Set1(name));

    private static Task<LayerDiffReport> MiniatureAsync(bool profiles)
    {
        LayerDiff diff = LayerDiff.From(Open("base")).To(Open("math"), Open("sahili"));
        return (profiles ? diff.WithProfiles() : diff).RunAsync();
    }
}
