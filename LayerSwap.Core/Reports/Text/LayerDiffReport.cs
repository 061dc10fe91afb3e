using System.Globalization;
using System.Text;
using System.Text.Json;
using LayerSwap.Diff;
using LayerSwap.Reports;

namespace LayerSwap;

public sealed partial record LayerDiffReport
{
    private static readonly string[] Columns =
    [
        "model", "name", "layer", "component", "parameters", "rank",
        "mav", "matrixMav", "relativeMav", "l2", "relativeL2", "cosine", "maxAbs", "changed", "share",
    ];

    /// <summary>
    /// Formats one JSON object: <c>{base, models, rankedBy, entries, pairs, skipped, verdicts, suggestion, profiles}</c>.
    /// Profiles only if they were measured; NaN and infinities are strings.
    /// </summary>
    public string ToJson()
    {
        return JsonReport.Write(json =>
        {
            json.WriteString("base", Base);
            json.Texts("models", Models);
            json.WriteString("rankedBy", DiffMetricNames.Of(RankedBy));
            json.Array("entries", Entries, e =>
            {
                json.WriteString("model", e.Model);
                json.WriteString("name", e.Name);
                json.Number("layer", e.Layer);
                json.WriteString("component", e.Component);
                json.WriteNumber("parameters", e.Parameters);
                json.WriteNumber("rank", e.Rank);
                json.Number("mav", e.MeanAbsolute);
                json.Number("matrixMav", e.MatrixMeanAbsolute);
                json.Number("relativeMav", e.RelativeMeanAbsolute);
                json.Number("l2", e.L2);
                json.Number("relativeL2", e.RelativeL2);
                json.Number("cosine", e.Cosine);
                json.Number("maxAbs", e.MaxAbsolute);
                json.Number("changed", e.Changed);
                json.Number("share", e.Share);
            });
            json.Array("pairs", Pairs, p =>
            {
                json.WriteString("a", p.A);
                json.WriteString("b", p.B);
                json.WriteString("name", p.Name);
                json.Number("layer", p.Layer);
                json.Number("cosine", p.Cosine);
                json.Number("signConflict", p.SignConflict);
                json.Number("rowOverlap", p.RowOverlap);
            });
            json.Texts("skipped", Skipped);
            json.Array("verdicts", Findings, v =>
            {
                json.WriteString("kind", JsonNamingPolicy.CamelCase.ConvertName(v.Kind.ToString()));
                json.Texts("models", v.Models);
                json.Numbers("layers", v.Layers.Select(l => (double)l));
                json.WriteString("message", v.Message);
            });
            WriteSuggestion(json, Suggest());
            if (Profiles.Count > 0)
            {
                WriteProfiles(json, Profiles);
            }
        });
    }

    /// <summary>Formats the entries as CSV (RFC 4180, LF line ends), numbers in full precision. No cell of text starts a formula.</summary>
    public string ToCsv()
    {
        StringBuilder csv = new StringBuilder(string.Join(',', Columns)).Append('\n');
        foreach (DiffEntry e in Entries)
        {
            string[] cells =
            [
                CsvCell.Text(e.Model), CsvCell.Text(e.Name), e.Layer?.ToString(CultureInfo.InvariantCulture) ?? "",
                CsvCell.Text(e.Component ?? ""), .. Numbers(e, "R"),
            ];
            csv.AppendJoin(',', cells).Append('\n');
        }

        return csv.ToString();
    }

    /// <summary>Formats the entries as a Markdown table for each model.</summary>
    public string ToMarkdown()
    {
        StringBuilder text = new();
        foreach (string model in Models)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"## {MarkdownCell(Base)} → {MarkdownCell(model)}, by {DiffMetricNames.Of(RankedBy)}\n\n");
            text.Append("| name | ").AppendJoin(" | ", Columns.Skip(4)).Append(" |\n");
            text.Append("|---|").AppendJoin("", Columns.Skip(4).Select(_ => "---:|")).Append('\n');
            foreach (DiffEntry e in Entries.Where(e => e.Model == model))
            {
                text.Append(CultureInfo.InvariantCulture, $"| {MarkdownCell(e.Name)} | {string.Join(" | ", Numbers(e, "G5"))} |\n");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Writes <see cref="ToJson"/> to a file, whole or not at all.</summary>
    public void SaveJson(string path) => ReportFile.Write(path, ToJson(), Measured.Inputs);

    /// <summary>Writes <see cref="ToCsv"/> to a file, whole or not at all.</summary>
    public void SaveCsv(string path) => ReportFile.Write(path, ToCsv(), Measured.Inputs);

    /// <summary>Writes <see cref="ToMarkdown"/> to a file, whole or not at all.</summary>
    public void SaveMarkdown(string path) => ReportFile.Write(path, ToMarkdown(), Measured.Inputs);

    private static string[] Numbers(DiffEntry e, string format) =>
    [
        e.Parameters.ToString(CultureInfo.InvariantCulture), e.Rank.ToString(CultureInfo.InvariantCulture),
        .. new[]
        {
            e.MeanAbsolute, e.MatrixMeanAbsolute, e.RelativeMeanAbsolute, e.L2, e.RelativeL2, e.Cosine, e.MaxAbsolute, e.Changed, e.Share,
        }.Select(v => v.ToString(format, CultureInfo.InvariantCulture)),
    ];

    private static string MarkdownCell(string text)
    {
        StringBuilder cell = new();
        foreach (char c in Printable.Escape(text))
        {
            cell.Append(c is '|' or '\\' or '<' or '>' or '`' or '*' or '[' or ']' or '&' ? "\\" : "").Append(c);
        }

        return cell.ToString();
    }

    private static void WriteSuggestion(Utf8JsonWriter json, SwapSuggestion suggestion)
    {
        if (!suggestion.IsConclusive)
        {
            json.WriteNull("suggestion");
            return;
        }

        json.WriteStartObject("suggestion");
        json.WriteString("outer", suggestion.Outer);
        json.WriteString("inner", suggestion.Inner);
        json.WriteNumber("bottom", suggestion.Bottom);
        json.WriteNumber("top", suggestion.Top);
        json.WriteNumber("transition", suggestion.Transition);
        json.WriteString("reason", suggestion.Reason);
        json.Array("candidates", suggestion.Candidates, c =>
        {
            json.WriteString("outer", c.Outer);
            json.WriteNumber("bottom", c.Bottom);
            json.WriteNumber("top", c.Top);
            json.Number("score", c.Score);
        });
        json.WriteEndObject();
    }

    private static void WriteProfiles(Utf8JsonWriter json, IReadOnlyList<TensorProfile> profiles) => json.Array("profiles", profiles, p =>
    {
        json.WriteString("model", p.Model);
        json.WriteString("name", p.Name);
        json.Number("layer", p.Layer);
        json.WriteString("component", p.Component);
        json.Numbers("rows", p.Rows);
        json.Numbers("columns", p.Columns);
        json.Array("heads", p.Heads, h =>
        {
            json.WriteString("part", h.Part);
            json.WriteNumber("head", h.Head);
            json.Number("sum", h.Sum);
        });
    });
}
