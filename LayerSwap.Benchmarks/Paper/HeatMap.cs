using System.Globalization;
using System.Text;

namespace LayerSwap.Benchmarks.Paper;

/// <summary>Accuracy of swaps over the numbers of bottom and top layers, as a page of its own: a table whose cells are coloured, legible without colour.</summary>
internal static class HeatMap
{
    public static string Of(List<Score> scores)
    {
        StringBuilder page = new("""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Layer swaps in miniature</title>
            <style>body{font:16px system-ui,sans-serif;margin:2rem;color-scheme:light dark}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.5rem .8rem;text-align:right}caption{text-align:left;font-weight:600}</style>
            </head><body><h1>Accuracy of layer swaps</h1><p>Mean over four pairs of experts on 1,000 problems. Rows: layers at the bottom from the language expert; columns: layers at the top. Darker is lower.</p>

            """);
        foreach (int transition in (int[])[0, 1])
        {
            page.Append(CultureInfo.InvariantCulture, $"<table><caption>Transition {transition}</caption><tr><th></th>").Append(string.Concat(Enumerable.Range(0, 4).Select(u => $"<th>top {u}</th>"))).Append("</tr>\n");
            for (int b = 0; b < 3; b++)
            {
                page.Append(CultureInfo.InvariantCulture, $"<tr><th>bottom {b}</th>");
                for (int u = 0; u < 4; u++)
                {
                    Score[] cell = [.. scores.Where(s => s.Merge == string.Create(CultureInfo.InvariantCulture, $"swap {b},{u},{transition}"))];
                    page.Append(cell.Length == 0 ? "<td></td>" : Cell(cell.Average(s => s.Test)));
                }

                page.Append("</tr>\n");
            }

            page.Append("</table>\n");
        }

        return page.Append("</body></html>\n").ToString();
    }

    /// <summary>A shade between the ends of cividis over 0 to 0.5, with ink that can be read on it.</summary>
    private static string Cell(double value)
    {
        double share = Math.Clamp(value / 0.5, 0, 1);
        int Mix(int low, int high) => (int)(low + ((high - low) * share));
        return string.Create(CultureInfo.InvariantCulture, $"<td style=\"background:rgb({Mix(0, 254)},{Mix(34, 232)},{Mix(78, 56)});color:{(share > 0.45 ? "#000" : "#fff")}\">{value:F3}</td>");
    }
}
