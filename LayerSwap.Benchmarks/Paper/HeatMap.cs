using System.Globalization;
using System.Xml.Linq;
using LayerSwap.Reports.Html;
using LayerSwap.Reports.Pictures;

namespace LayerSwap.Benchmarks.Paper;

/// <summary>An HTML page with the accuracy of swaps by the numbers of bottom and top layers.</summary>
internal static class HeatMap
{
    public static string Of(List<Score> scores)
    {
        double best = scores
            .Where(s => s.Merge.StartsWith("swap", StringComparison.Ordinal))
            .GroupBy(s => s.Merge, StringComparer.Ordinal)
            .Max(g => g.Average(s => s.Test));
        CellGrid[] grids = [Grid(scores, 0, best), Grid(scores, 1, best)];
        XElement picture = Svg.Picture(
            grids.Sum(g => g.Width + 8),
            grids.Max(g => g.Height),
            "Accuracy of layer swaps by bottom and top layers",
            grids[0].Draw(0, 0),
            grids[1].Draw(grids[0].Width + 8, 0));
        string explanation = "Mean over four pairs of experts on 1,000 problems. Layers at the bottom and at the top come from "
            + "the language expert, the others from the mathematics expert.";
        return HtmlPage.Document(
            "Layer swaps in miniature",
            new XElement("h1", "Accuracy of layer swaps"),
            new XElement("p", explanation),
            HtmlPage.Scrollable(picture),
            HtmlPage.Table(["merge", "pair", "test", "validation"], 2, scores.Select(Row)));
    }

    private static string[] Row(Score score) =>
        [score.Merge, score.Pair, Text(score.Test), double.IsNaN(score.Validation) ? "\u2013" : Text(score.Validation)];

    private static CellGrid Grid(List<Score> scores, int transition, double best)
    {
        double? Mean(int bottom, int top)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"swap {bottom},{top},{transition}");
            Score[] cell = [.. scores.Where(s => s.Merge == name)];
            return cell.Length == 0 ? null : cell.Average(s => s.Test);
        }

        return new CellGrid
        {
            Title = transition == 0 ? "Without a transition" : "One averaged layer at each seam",
            RowTitle = "bottom layers",
            ColumnTitle = "top layers",
            Rows = ["0", "1", "2"],
            Columns = ["0", "1", "2", "3"],
            CellWidth = 48,
            Value = Mean,
            Tooltip = (bottom, top) =>
                string.Create(CultureInfo.InvariantCulture, $"bottom {bottom}, top {top}: {Mean(bottom, top):0.000}"),
            Unit = "share of problems answered",
            SharedTo = best,
            OwnTo = best,
        };
    }

    private static string Text(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
}
