using System.Globalization;
using System.Xml.Linq;
using LayerSwap.Diff;
using LayerSwap.Reports.Pictures;

namespace LayerSwap.Reports.Html;

/// <summary>A diff as a page: findings, pictures, the suggestion, tables.</summary>
internal static class DiffPage
{
    /// <summary>The number of table rows that browsers show without delay.</summary>
    private const int MostRows = 5_000;

    public static IEnumerable<object> Body(LayerDiffReport report, MergePlan? plan)
    {
        DiffMeasurement measured = report.Measured;
        string[] names = PictureNames.Short(report.Models);
        IReadOnlyList<DiffPicture> pictures = report.Pictures();
        yield return HtmlPage.Text("h1", "What fine-tuning changed");
        string models = string.Join(", ", report.Models.Select(Printable.Escape));
        yield return new XElement("p", string.Create(CultureInfo.InvariantCulture,
            $"Base: {Printable.Escape(report.Base)}. Compared: {models}. "
            + $"{measured.Tensors.Count:N0} tensors, {measured.Tensors.Sum(t => t.ElementCount):N0} parameters."));
        foreach (DiffFinding verdict in report.Findings)
        {
            yield return new XElement("p", new XAttribute("class", "note"), verdict.Message);
        }

        yield return HtmlPage.Text("h2", "Heat-map");
        yield return new XElement("p", "Rows are layers, the first at the bottom; embeddings are below, final norm and head above. "
            + "Columns are kinds of weights. Lighter is more change.");
        yield return new XElement("div", new XAttribute("class", "picture"),
            names.Length > 1 ? ScaleSwitch() : null,
            HtmlPage.Scrollable(HeatMap.Draw(measured, report.RankedBy)));
        yield return ProfileDetails(measured, pictures.Contains(DiffPicture.Strips));
        if (pictures.Contains(DiffPicture.Bars))
        {
            yield return HtmlPage.Text("h2", "By layer");
            yield return HtmlPage.Scrollable(LayerBars.Draw(measured, report.RankedBy));
        }

        if (pictures.Contains(DiffPicture.Agreement))
        {
            yield return HtmlPage.Text("h2", "Do the models agree?");
            yield return HtmlPage.Scrollable(AgreementLines.Draw(measured));
        }

        if (names.Length == 2)
        {
            foreach (object part in Suggestion(report))
            {
                yield return part;
            }
        }

        if (plan is not null)
        {
            yield return HtmlPage.Text("h2", "The merge");
            yield return HtmlPage.Scrollable(LayerStack.Of(plan));
        }

        yield return HtmlPage.Text("h2", "The numbers");
        yield return EntryTable(report, names);
        if (report.Entries.Count > MostRows)
        {
            yield return new XElement("p", string.Create(CultureInfo.InvariantCulture,
                $"The first {MostRows:N0} of {report.Entries.Count:N0}; CSV and JSON have them all."));
        }

        if (report.Pairs.Count is > 0 and <= MostRows)
        {
            yield return HtmlPage.Text("h2", "How changes agree");
            yield return PairTable(report, names);
        }

        if (report.Skipped.Count > 0)
        {
            string skipped = string.Join(", ", report.Skipped.Take(20).Select(Printable.Escape))
                + (report.Skipped.Count > 20 ? ", ..." : "");
            yield return new XElement("p", $"Left out, not in every model in one shape, or without arithmetic: {skipped}");
        }
    }

    /// <summary>Creates the check box that gives each model its own colour scale.</summary>
    private static XElement ScaleSwitch() => new("p", new XElement("label",
        new XElement("input", new XAttribute("type", "checkbox"), new XAttribute("class", "own")), " each model on its own scale"));

    private static XElement ProfileDetails(DiffMeasurement measured, bool hasStrips)
    {
        XElement details = new("details", HtmlPage.Text("summary", "Rows and columns of weights"));
        if (hasStrips)
        {
            details.Add(new XElement("p", "Each cell has the weight\u2019s rows above and its columns below; "
                + "of several weights in one cell, such as experts, the first. JSON has all."));
            details.Add(HtmlPage.Scrollable(Strips.Draw(measured)));
        }
        else
        {
            details.Add(new XElement("p", measured.HasProfiles
                ? "There is no two-dimensional weight within layers."
                : "They were not measured. Ask for them by LayerDiff.WithProfiles(), on the command line by --profiles."));
        }

        return details;
    }

    private static XElement EntryTable(LayerDiffReport report, string[] names)
    {
        string[] heads =
        [
            "model", "name", "rank", "parameters", "mav", "relative mav", "l2", "relative l2", "cosine", "max", "changed %", "share %",
        ];
        return HtmlPage.Table(heads, 2, report.Entries.Take(MostRows).Select(e => (string[])
        [
            names[IndexOf(report.Models, e.Model)], e.Name, Whole(e.Rank), Whole(e.Parameters),
            Svg.Number(e.MeanAbsolute), Svg.Number(e.RelativeMeanAbsolute), Svg.Number(e.L2), Svg.Number(e.RelativeL2),
            Svg.Number(e.Cosine), Svg.Number(e.MaxAbsolute), Svg.Number(e.Changed * 100), Svg.Number(e.Share * 100),
        ]));
    }

    private static XElement PairTable(LayerDiffReport report, string[] names) =>
        HtmlPage.Table(["models", "name", "cosine", "sign conflict %", "row overlap %"], 2, report.Pairs.Select(p => (string[])
        [
            $"{names[IndexOf(report.Models, p.A)]}, {names[IndexOf(report.Models, p.B)]}", p.Name,
            Svg.Number(p.Cosine), Svg.Number(p.SignConflict * 100), double.IsNaN(p.RowOverlap) ? "\u2013" : Svg.Number(p.RowOverlap * 100),
        ]));

    private static IEnumerable<object> Suggestion(LayerDiffReport report)
    {
        SwapSuggestion suggestion = report.Suggest();
        yield return HtmlPage.Text("h2", "Suggestion");
        yield return new XElement("p", suggestion.Reason);
        if (suggestion.IsConclusive)
        {
            yield return HtmlPage.Scrollable(LayerStack.Of(suggestion));
        }

        if (suggestion.Candidates.Count == 0)
        {
            yield break;
        }

        string outer = suggestion.Candidates[0].Outer;
        Dictionary<(int, int), double> scores = suggestion.Candidates.Where(c => c.Outer == outer)
            .ToDictionary(c => (c.Bottom, c.Top), c => c.Score);
        int layers = report.Measured.Map.LayerCount;
        string[] numbers = [.. Enumerable.Range(0, layers).Select(l => Whole(l))];
        CellGrid grid = new()
        {
            Title = $"Outside from {PictureNames.Short(report.Models)[IndexOf(report.Models, outer)]}",
            RowTitle = "top layers",
            ColumnTitle = "bottom layers",
            Rows = numbers,
            Columns = numbers,
            CellWidth = layers > 48 ? 14 : 22,
            Value = (top, bottom) => scores.TryGetValue((bottom, top), out double score) ? score : null,
            Tooltip = (top, bottom) =>
                string.Create(CultureInfo.InvariantCulture, $"bottom {bottom}, top {top}: score {scores[(bottom, top)]:0.###}"),
            Unit = "share of the variance explained",
            SharedTo = 1,
            OwnTo = 1,
        };
        XElement picture = Svg.Picture(grid.Width, grid.Height, "Scores of all candidates by bottom and top layers", grid.Draw(0, 0));
        yield return new XElement("details", HtmlPage.Text("summary", "Every candidate\u2019s score"), HtmlPage.Scrollable(picture));
    }

    private static int IndexOf(IReadOnlyList<string> models, string model) => models.ToList().IndexOf(model);

    private static string Whole(long value) => value.ToString(CultureInfo.InvariantCulture);
}
