using System.Text.Json;

namespace LayerSwap.Tests.Reports;

/// <summary>Reports have full-precision numbers and escape names.</summary>
public sealed class DiffReportTests
{
    private const string Evil = "=HYPERLINK(\"x\")\u0007<script>,|`";

    private static Task<LayerDiffReport> ReportAsync(string name) =>
        LayerDiff.From(SmallModels.Of("base", DType.Float32, (name, [2], [1, 2])))
            .To(SmallModels.Of("tuned", DType.Float32, (name, [2], [1, 2.5]))).GroupBy(LayerGrouping.Tensor).RunAsync();

    [Fact]
    public async Task Json_has_the_documented_members()
    {
        using JsonDocument json = JsonDocument.Parse((await ReportAsync("w")).ToJson());
        Assert.Equal(["base", "models", "rankedBy", "entries", "pairs", "skipped", "verdicts", "suggestion"],
            json.RootElement.EnumerateObject().Select(p => p.Name));
        Assert.Equal(
            ["model", "name", "layer", "component", "parameters", "rank", "mav", "matrixMav",
                "relativeMav", "l2", "relativeL2", "cosine", "maxAbs", "changed", "share"],
            json.RootElement.GetProperty("entries")[0].EnumerateObject().Select(p => p.Name));
        Assert.Equal(0.25, json.RootElement.GetProperty("entries")[0].GetProperty("mav").GetDouble());
    }

    [Fact]
    public async Task Csv_cells_never_start_a_formula_and_are_quoted()
    {
        string csv = (await ReportAsync(Evil)).ToCsv();
        string row = csv.Split('\n')[1];
        Assert.StartsWith("tuned,\"'=HYPERLINK(\"\"x\"\")\\u0007<script>,|`\",", row, StringComparison.Ordinal);
        Assert.DoesNotContain('\u0007', csv);
    }

    [Fact]
    public async Task Markdown_cells_hold_no_markup()
    {
        string markdown = (await ReportAsync(Evil)).ToMarkdown();
        Assert.Contains("\\<script\\>,\\|\\`", markdown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Saved_reports_are_complete_and_replace_existing_files()
    {
        using TempFolder temp = new();
        LayerDiffReport report = await ReportAsync("w");
        File.WriteAllText(temp["diff.json"], "old");
        report.SaveJson(temp["diff.json"]);
        report.SaveCsv(temp["diff.csv"]);
        report.SaveMarkdown(temp["diff.md"]);
        Assert.Equal(report.ToJson(), File.ReadAllText(temp["diff.json"]));
        Assert.Equal(["diff.csv", "diff.json", "diff.md"],
            Directory.EnumerateFileSystemEntries(temp.Path).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
    }
}
