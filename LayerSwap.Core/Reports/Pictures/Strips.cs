using System.Globalization;
using System.Text;
using System.Xml.Linq;
using LayerSwap.Diff;

namespace LayerSwap.Reports.Pictures;

/// <summary>
/// The picture of the paper, layer by kind of weight: each cell has the weight's row profile above its column profile.
/// Long profiles are binned.
/// </summary>
internal static class Strips
{
    private const double CellWidth = 74;
    private const double CellHeight = 18;
    private const double Left = 34;
    private const double Top = 40;
    private const int Colours = 32;

    public static XElement Draw(DiffMeasurement measured)
    {
        TensorProfile[] profiles = [.. measured.Profiles.Where(p => p.Layer is not null && measured.Map[p.Name].InMainStack)];
        string[] names = PictureNames.Short(measured.Models);
        double largest = profiles.SelectMany(p => Binned(p.Rows).Concat(Binned(p.Columns))).Where(double.IsFinite).DefaultIfEmpty(0).Max();
        KindColumns columns = KindColumns.Of(measured).First();
        string KindOf(TensorProfile profile) => columns.KindOf(measured.Map[profile.Name]);
        string[] kinds = [.. columns.Kinds.Where(k => profiles.Any(p => KindOf(p) == k))];
        int layers = measured.Map.LayerCount;
        double panel = Math.Max(Left + (kinds.Length * CellWidth) + 14, 200), height = Top + (layers * CellHeight) + 44;
        XElement picture = Svg.Picture(Math.Max(panel * names.Length, 520), height, "Row and column profiles by layer and kind");
        for (int m = 0; m < names.Length; m++)
        {
            TensorProfile[] ofModel = [.. profiles.Where(p => p.Model == measured.Models[m])];
            picture.Add(Panel(m * panel, names[m], kinds, layers, largest, KindOf, ofModel));
        }

        const string unit = "mean |W \u2212 W_base| of rows (above) and columns (below)";
        picture.Add(Svg.Translated(Left, height - 32, Colors.Bar(160, largest), Svg.Text(170, 8, unit, "start", Svg.Class("faint"))));
        return picture;
    }

    private static XElement Panel(
        double x, string name, string[] kinds, int layers, double largest, Func<TensorProfile, string> kindOf, TensorProfile[] profiles)
    {
        StringBuilder[] paths = [.. Enumerable.Range(0, Colours).Select(_ => new StringBuilder())];
        string title = PictureNames.Cut(name, kinds.Length * CellWidth);
        XElement panel = Svg.Translated(x, 0, Svg.Text(Left, 12, title, "start", Svg.Class("title"), Svg.Title(Printable.Escape(name))));
        for (int k = 0; k < kinds.Length; k++)
        {
            double middle = Left + ((k + 0.5) * CellWidth);
            panel.Add(Svg.Text(middle, Top - 6, PictureNames.Cut(kinds[k], CellWidth), "middle", Svg.Title(Printable.Escape(kinds[k]))));
        }

        for (int l = 0; l < layers; l++)
        {
            panel.Add(Svg.Text(Left - 5, CellTop(l) + 13, l.ToString(CultureInfo.InvariantCulture), "end"));
        }

        // Of several weights of one kind, such as experts, the first is drawn: rows of different weights do not correspond.
        foreach (TensorProfile profile in profiles.DistinctBy(p => (p.Layer, kindOf(p))))
        {
            double left = Left + (Array.IndexOf(kinds, kindOf(profile)) * CellWidth), top = CellTop(profile.Layer!.Value);
            Add(paths, Binned(profile.Rows), left, top + 1, largest);
            Add(paths, Binned(profile.Columns), left, top + (CellHeight / 2) + 0.5, largest);
            string hint = $"{name}, {profile.Name}: "
                + $"rows {Svg.Number(profile.Rows.Min())} to {Svg.Number(profile.Rows.Max())} (above), "
                + $"columns {Svg.Number(profile.Columns.Min())} to {Svg.Number(profile.Columns.Max())} (below)";
            panel.Add(Svg.Rect(left, top, CellWidth - 2, CellHeight, "none",
                new XAttribute("pointer-events", "all"), Svg.Title(Printable.Escape(hint))));
        }

        panel.AddFirst(paths.Select((p, i) => (Path: p, Colour: i)).Where(p => p.Path.Length > 0)
            .Select(p => Svg.Path(p.Path.ToString(), new XAttribute("fill", Colors.Scale(p.Colour / (Colours - 1.0))))));
        return panel;

        double CellTop(int layer) => Top + ((layers - 1 - layer) * CellHeight);
    }

    /// <summary>Adds a rectangle for each finite value to the path of its colour.</summary>
    private static void Add(StringBuilder[] paths, double[] values, double left, double top, double largest)
    {
        double width = (CellWidth - 2) / values.Length;
        for (int i = 0; i < values.Length; i++)
        {
            if (double.IsFinite(values[i]))
            {
                int colour = largest > 0 ? (int)Math.Round(values[i] / largest * (Colours - 1)) : 0;
                paths[colour].Append(CultureInfo.InvariantCulture,
                    $"M{left + (i * width):0.##} {top:0.##}h{width:0.##}v{(CellHeight / 2) - 1.5:0.##}h-{width:0.##}z");
            }
        }
    }

    /// <summary>Reduces a profile to at most 36 means of neighbours.</summary>
    private static double[] Binned(IReadOnlyList<double> profile)
    {
        int count = Math.Min(36, profile.Count);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            int from = (int)((long)i * profile.Count / count), to = (int)((i + 1L) * profile.Count / count);
            return Enumerable.Range(from, to - from).Average(r => profile[r]);
        })];
    }
}
