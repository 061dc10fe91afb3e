using LayerSwap.Diff;
using LayerSwap.Reports;
using LayerSwap.Reports.Html;
using LayerSwap.Reports.Pictures;

namespace LayerSwap;

/// <summary>The pictures of a diff.</summary>
public enum DiffPicture
{
    /// <summary>Depth by kind of weight, a grid for each model, coloured by the metric that ranks.</summary>
    HeatMap,

    /// <summary>The rows and columns of every two-dimensional weight of the layers, as strips in the same grid: the paper's picture. Needs profiles.</summary>
    Strips,

    /// <summary>Change by layer as bars.</summary>
    Bars,

    /// <summary>Cosine, sign conflict and row overlap of every two models, by layer.</summary>
    Agreement,
}

/// <summary>A diff as one HTML file, and its pictures as SVG. Legible in light and dark, in black and white, and on paper.</summary>
public static class LayerDiffPictures
{
    /// <summary>A page that needs no network, and no script to be read: verdicts, pictures, suggestion, tables.</summary>
    /// <param name="report">The diff.</param>
    /// <param name="plan">A merge of the models to draw in it, or null.</param>
    public static string ToHtml(this LayerDiffReport report, MergePlan? plan = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        return HtmlPage.Document($"What fine-tuning changed: {string.Join(", ", PictureNames.Short(report.Models))}", [.. DiffPage.Body(report, plan)]);
    }

    /// <summary>Writes <see cref="ToHtml"/> to a file, whole or not at all.</summary>
    /// <param name="report">The diff.</param>
    /// <param name="path">Where to; never over a file of the models.</param>
    /// <param name="plan">A merge of the models to draw in it, or null.</param>
    public static void SaveHtml(this LayerDiffReport report, string path, MergePlan? plan = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        ReportFile.Write(path, report.ToHtml(plan), report.Measured.Inputs);
    }

    /// <summary>The pictures that this diff has the figures for: the heat-map always, bars where there are layers, agreement with two models or more, strips with profiles of layers.</summary>
    public static IReadOnlyList<DiffPicture> Pictures(this LayerDiffReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        DiffMeasurement measured = report.Measured;
        bool layers = measured.Map.LayerCount > 0;
        return
        [
            DiffPicture.HeatMap,
            .. measured.Profiles.Any(p => measured.Map[p.Name].InMainStack) ? [DiffPicture.Strips] : Array.Empty<DiffPicture>(),
            .. layers ? [DiffPicture.Bars] : Array.Empty<DiffPicture>(),
            .. layers && report.Models.Count > 1 ? [DiffPicture.Agreement] : Array.Empty<DiffPicture>(),
        ];
    }

    /// <summary>One picture as an SVG document.</summary>
    /// <param name="report">The diff.</param>
    /// <param name="picture">Which.</param>
    /// <exception cref="InvalidOperationException">The diff did not measure what the picture shows: strips need profiles and layers, agreement two models and layers, bars layers.</exception>
    public static string ToSvg(this LayerDiffReport report, DiffPicture picture)
    {
        ArgumentNullException.ThrowIfNull(report);
        if (Enum.IsDefined(picture) && !report.Pictures().Contains(picture))
        {
            throw new InvalidOperationException(picture switch
            {
                DiffPicture.Strips => "Strips show rows and columns of two-dimensional weights within layers, of which this diff measured none. Remedy: LayerDiff.From(...).To(...).WithProfiles().",
                DiffPicture.Bars => "Bars show layers, of which these models have none.",
                _ => "Agreement is of two models or more, by layer; this diff has one model, or its models no layers.",
            });
        }

        return Svg.Alone(picture switch
        {
            DiffPicture.HeatMap => HeatMap.Draw(report.Measured, report.RankedBy),
            DiffPicture.Strips => Strips.Draw(report.Measured),
            DiffPicture.Bars => LayerBars.Draw(report.Measured, report.RankedBy),
            DiffPicture.Agreement => AgreementLines.Draw(report.Measured),
            _ => throw new ArgumentOutOfRangeException(nameof(picture), picture, "No such picture."),
        });
    }

    /// <summary>Writes <see cref="ToSvg"/> to a file, whole or not at all.</summary>
    /// <inheritdoc cref="ToSvg"/>
    /// <param name="report">The diff.</param>
    /// <param name="picture">Which.</param>
    /// <param name="path">Where to; never over a file of the models.</param>
    public static void SaveSvg(this LayerDiffReport report, DiffPicture picture, string path)
    {
        ArgumentNullException.ThrowIfNull(report);
        ReportFile.Write(path, report.ToSvg(picture), report.Measured.Inputs);
    }

    /// <summary>Writes every picture that the report has into a folder: <c>heat-map.svg</c>, <c>strips.svg</c>, <c>bars.svg</c>, <c>agreement.svg</c>.</summary>
    /// <param name="report">The diff.</param>
    /// <param name="folder">The folder; made if it is not there.</param>
    /// <exception cref="OutputException">It is a file, or lies in one of the models.</exception>
    public static void SavePictures(this LayerDiffReport report, string folder)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(folder);
        ReportFile.CreateFolder(folder, report.Measured.Inputs);
        foreach (DiffPicture picture in report.Pictures())
        {
            string name = picture switch { DiffPicture.HeatMap => "heat-map", DiffPicture.Strips => "strips", DiffPicture.Bars => "bars", _ => "agreement" };
            report.SaveSvg(picture, Path.Combine(folder, name + ".svg"));
        }
    }
}
