using System.Globalization;
using System.Text;
using System.Xml.Linq;
using LayerSwap.Diff;

namespace LayerSwap.Reports.Pictures;

/// <summary>Agreement of two experts' deltas by layer: cosine, sign conflict, and overlap of the most changed rows if measured.</summary>
internal static class AgreementLines
{
    public static XElement Draw(DiffMeasurement measured)
    {
        IReadOnlyList<DeltaTotal> layers = measured.Layers;
        string[] names = PictureNames.Short(measured.Models);
        string[] pairs = [.. TensorDelta.EnumeratePairs(names.Length).Select(p => $"{names[p.A]} and {names[p.B]}")];
        List<XElement> panels = [];
        double y = 0, width = 0;
        Add("Cosine of the changes", "1: the same direction, 0: unrelated, \u22121: opposite", (l, p) => l.PairCosine(p));
        Add("Sign conflict", "share of elements that both moved, in opposite directions", (l, p) => l.SignConflict(p));
        if (measured.Profiles.Count > 0)
        {
            const string unit = "share of the most changed tenth that both have; 0.1 is chance";
            Add("Overlap of the most changed rows", unit, (l, p) => l.RowOverlap(p));
        }

        (double height, XElement legend) = Axes.Legend(y, width, pairs);
        return Svg.Picture(width, y + height, "Agreement of the experts' changes by layer", panels, legend);

        void Add(string title, string unit, Func<DeltaTotal, int, double> value)
        {
            double[] all = [.. layers.SelectMany(l => pairs.Select((_, p) => value(l, p))).Where(double.IsFinite).DefaultIfEmpty(0)];
            Axes axes = new(layers.Count, Math.Min(0, all.Min()), Math.Max(all.Max(), 0.02));
            IEnumerable<XElement> lines = pairs.Select((pair, p) => Line(axes, [.. layers.Select(l => value(l, p))], pair, Colors.Of(p)));
            panels.Add(Svg.Translated(0, y, axes.Draw(title, unit), lines));
            y += Axes.Height + 10;
            width = Math.Max(width, axes.Width);
        }
    }

    /// <summary>Draws a line with a point for each layer, interrupted at layers without a finite value.</summary>
    /// <param name="axes">The axes.</param>
    /// <param name="values">One value for each layer.</param>
    /// <param name="name">The name in hints.</param>
    /// <param name="color">The colour.</param>
    private static XElement Line(Axes axes, double[] values, string name, string color)
    {
        StringBuilder path = new();
        XElement points = Svg.Group();
        bool open = false;
        for (int l = 0; l < values.Length; l++)
        {
            if (!double.IsFinite(values[l]))
            {
                open = false;
                continue;
            }

            double x = axes.X(l + 0.5), y = axes.Y(values[l]);
            path.Append(open ? 'L' : 'M').Append(CultureInfo.InvariantCulture, $"{x:0.##} {y:0.##}");
            points.Add(Svg.Rect(x - 2.5, y - 2.5, 5, 5, color, Svg.Title(Printable.Escape($"{name}, layer {l}: {Svg.Number(values[l])}"))));
            open = true;
        }

        XElement line = Svg.Path(path.ToString(),
            new XAttribute("fill", "none"), new XAttribute("stroke", color), new XAttribute("stroke-width", "1.6"));
        return Svg.Group(line, points);
    }
}
