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

public sealed partial record LayerDiffReport
{
    /// <summary>A page that needs no network, and no script to be read: verdicts, pictures, suggestion, tables.</summary>
    /// <param name="plan">A merge of the models to draw in it, or null.</param>
    public string ToHtml(MergePlan? plan = null)
    {
        return HtmlPage.Document($"What fine-tuning changed: {string.Join(", ", PictureNames.Short(Models))}", [.. DiffPage.Body(this, plan)]);
    }

    /// <summary>Writes <see cref="ToHtml"/> to a file, whole or not at all.</summary>
    /// <param name="path">Where to; never over a file of the models.</param>
    /// <param name="plan">A merge of the models to draw in it, or null.</param>
    public void SaveHtml(string path, MergePlan? plan = null)
    {
        ReportFile.Write(path, ToHtml(plan), Measured.Inputs);
    }

    /// <summary>The pictures that this diff has the figures for: the heat-map always, bars where there are layers, agreement with two models or more, strips with profiles of layers.</summary>
    public IReadOnlyList<DiffPicture> Pictures()
    {
        DiffMeasurement measured = Measured;
        bool layers = measured.Map.LayerCount > 0;
        return
        [
            DiffPicture.HeatMap,
            .. measured.Profiles.Any(p => measured.Map[p.Name].InMainStack) ? [DiffPicture.Strips] : Array.Empty<DiffPicture>(),
            .. layers ? [DiffPicture.Bars] : Array.Empty<DiffPicture>(),
            .. layers && Models.Count > 1 ? [DiffPicture.Agreement] : Array.Empty<DiffPicture>(),
        ];
    }

    /// <summary>One picture as an SVG document.</summary>
    /// <param name="picture">Which.</param>
    /// <exception cref="InvalidOperationException">The diff did not measure what the picture shows: strips need profiles and layers, agreement two models and layers, bars layers.</exception>
    public string ToSvg(DiffPicture picture)
    {
        if (Enum.IsDefined(picture) && !Pictures().Contains(picture))
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
            DiffPicture.HeatMap => HeatMap.Draw(Measured, RankedBy),
            DiffPicture.Strips => Strips.Draw(Measured),
            DiffPicture.Bars => LayerBars.Draw(Measured, RankedBy),
            DiffPicture.Agreement => AgreementLines.Draw(Measured),
            _ => throw new ArgumentOutOfRangeException(nameof(picture), picture, "No such picture."),
        });
    }

    /// <summary>Writes <see cref="ToSvg"/> to a file, whole or not at all.</summary>
    /// <inheritdoc cref="ToSvg"/>
    /// <param name="picture">Which.</param>
    /// <param name="path">Where to; never over a file of the models.</param>
    public void SaveSvg(DiffPicture picture, string path)
    {
        ReportFile.Write(path, ToSvg(picture), Measured.Inputs);
    }

    /// <summary>Writes every picture that the report has into a folder: <c>heat-map.svg</c>, <c>strips.svg</c>, <c>bars.svg</c>, <c>agreement.svg</c>.</summary>
    /// <param name="folder">The folder; made if it is not there.</param>
    /// <exception cref="OutputException">It is a file, or lies in one of the models.</exception>
    public void SavePictures(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ReportFile.CreateFolder(folder, Measured.Inputs);
        foreach (DiffPicture picture in Pictures())
        {
            string name = picture switch { DiffPicture.HeatMap => "heat-map", DiffPicture.Strips => "strips", DiffPicture.Bars => "bars", _ => "agreement" };
            SaveSvg(picture, Path.Combine(folder, name + ".svg"));
        }
    }
}
