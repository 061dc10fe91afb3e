using System.Globalization;
using System.Xml.Linq;
using LayerSwap.Reports.Html;
using LayerSwap.Reports.Pictures;

namespace LayerSwap.Benchmarks.Paper;

/// <summary>An HTML page with the accuracy of swaps by the numbers of bottom and top layers.</summary>
internal static class HeatMap
{
    public static string Create(IReadOnlyList<SetResults> sets)
    {
        string explanation = "Layers at the bottom and at the top come from the language expert, the others from the mathematics expert. "
            + "Mean over four pairs of experts on the validation problems.";
        return HtmlPage.Document(
            "Layer swaps in miniature",
            [
                new XElement("h1", "Accuracy of layer swaps"),
                new XElement("p", explanation),
                .. sets.SelectMany(CreateSection),
            ]);
    }

    private static IEnumerable<XElement> CreateSection(SetResults results)
    {
        double best = results.Set.Swaps.Max(s => Mean(results, s) ?? 0);
        CellGrid[] grids = [.. results.Set.Transition.Select(t => CreateGrid(results, t, best))];
        XElement picture = Svg.Picture(
            grids.Sum(g => g.Width + 8),
            grids.Max(g => g.Height),
            "Accuracy of layer swaps by bottom and top layers",
            [.. grids.Select((g, i) => g.Draw(grids.Take(i).Sum(p => p.Width + 8), 0))]);
        return
        [
            new XElement("h2", $"{results.Set.Name}: {results.Set.Description}"),
            HtmlPage.Scrollable(picture),
            HtmlPage.Table(["merge", "pair", "test", "validation"], 2, results.Scores.Select(CreateRow)),
        ];
    }

    private static string[] CreateRow(Score score) => [score.Merge, score.Pair, Text(score.Test), Text(score.Validation)];

    private static double? Mean(SetResults results, (int Bottom, int Top, int Transition) swap) =>
        Score.Mean(results.Of(Candidates.SwapName(swap)), s => s.Validation);

    private static CellGrid CreateGrid(SetResults results, int transition, double best)
    {
        ModelSet set = results.Set;
        double? Value(int row, int column) => Mean(results, (set.Bottom[row], set.Top[column], transition));
        return new CellGrid
        {
            Title = transition == 0 ? "Without a transition" : "One averaged layer at each seam",
            RowTitle = "bottom layers",
            ColumnTitle = "top layers",
            Rows = [.. set.Bottom.Select(b => b.ToString(CultureInfo.InvariantCulture))],
            Columns = [.. set.Top.Select(u => u.ToString(CultureInfo.InvariantCulture))],
            CellWidth = 48,
            Value = Value,
            Tooltip = (row, column) => FormattableString.Invariant(
                $"bottom {set.Bottom[row]}, top {set.Top[column]}: {Value(row, column):0.000}"),
            Unit = "share of problems solved",
            SharedTo = best,
            OwnTo = best,
        };
    }

    private static string Text(bool[]? solved) =>
        solved is null ? "\u2013" : Score.Accuracy(solved).ToString("0.000", CultureInfo.InvariantCulture);
}
