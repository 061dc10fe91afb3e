using LayerSwap.Diff;
using LayerSwap.Reports;
using LayerSwap.Reports.Html;
using LayerSwap.Reports.Pictures;

namespace LayerSwap;

/// <summary>The pictures of a diff.</summary>
public enum DiffPicture
{
    /// <summary>Layer by kind of weight, a grid for each model, coloured by the ranking metric.</summary>
    HeatMap,

    /// <summary>The row and column profiles of two-dimensional weights of the layers, as strips in the same grid. Needs profiles.</summary>
    Strips,

    /// <summary>Change by layer as bars.</summary>
    Bars,

    /// <summary>Cosine, sign conflict and row overlap of every two models, by layer.</summary>
    Agreement,
}

public sealed partial record LayerDiffReport
{
    /// <summary>Creates an HTML page with verdicts, pictures, suggestion and tables. It needs no network and no script.</summary>
    /// <param name="plan">A merge of the models to draw in it, or null.</param>
    public string ToHtml(MergePlan? plan = null)
    {
        string title = $"What fine-tuning changed: {string.Join(", ", PictureNames.Short(Models))}";
        return HtmlPage.Document(title, [.. DiffPage.Body(this, plan)]);
    }

    /// <summary>Writes <see cref="ToHtml"/> to a file, whole or not at all.</summary>
    /// <param name="path">The path; a file of the models is never replaced.</param>
    /// <param name="plan">A merge of the models to draw in it, or null.</param>
    public void SaveHtml(string path, MergePlan? plan = null)
    {
        ReportFile.Write(path, ToHtml(plan), Measured.Inputs);
    }

    /// <summary>
    /// Lists the pictures of this diff: the heat-map always, bars if there are layers, agreement of two or more models,
    /// strips if layers have profiles.
    /// </summary>
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

    /// <summary>Draws one picture as an SVG document.</summary>
    /// <param name="picture">The picture.</param>
    /// <exception cref="InvalidOperationException">
    /// The diff did not measure what the picture needs: strips need profiles and layers, agreement two models and layers, bars layers.
    /// </exception>
    public string ToSvg(DiffPicture picture)
    {
        if (Enum.IsDefined(picture) && !Pictures().Contains(picture))
        {
            throw new InvalidOperationException(picture switch
            {
                DiffPicture.Strips => "Strips show rows and columns of two-dimensional weights within layers; this diff measured none. "
                    + "Remedy: LayerDiff.From(...).To(...).WithProfiles().",
                DiffPicture.Bars => "Bars show layers; these models have none.",
                _ => "Agreement compares two or more models by layer; this diff has one model, or its models have no layers.",
            });
        }

        return Svg.ToDocument(picture switch
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
    /// <param name="picture">The picture.</param>
    /// <param name="path">The path; a file of the models is never replaced.</param>
    public void SaveSvg(DiffPicture picture, string path)
    {
        ReportFile.Write(path, ToSvg(picture), Measured.Inputs);
    }

    /// <summary>
    /// Writes every picture of <see cref="Pictures"/> into a folder: <c>heat-map.svg</c>, <c>strips.svg</c>, <c>bars.svg</c>,
    /// <c>agreement.svg</c>.
    /// </summary>
    /// <param name="folder">The folder; created if it does not exist.</param>
    /// <exception cref="OutputException">The path is a file, or is inside one of the models.</exception>
    public void SavePictures(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ReportFile.CreateFolder(folder, Measured.Inputs);
        foreach (DiffPicture picture in Pictures())
        {
            string name = picture switch
            {
                DiffPicture.HeatMap => "heat-map",
                DiffPicture.Strips => "strips",
                DiffPicture.Bars => "bars",
                _ => "agreement",
            };
            SaveSvg(picture, Path.Combine(folder, name + ".svg"));
        }
    }
}
