using System.Xml.Linq;
using LayerSwap.Diff;

namespace LayerSwap.Reports.Pictures;

/// <summary>The size of deltas by layer, a bar for each expert.</summary>
internal static class LayerBars
{
    public static XElement Draw(DiffMeasurement measured, DiffMetric metric)
    {
        IReadOnlyList<DeltaTotal> layers = measured.Layers;
        string[] names = PictureNames.Short(measured.Models);
        double Value(int layer, int model) => layers[layer].Magnitude(metric, model);
        double[] finite = [.. layers.SelectMany((_, l) => names.Select((_, m) => Value(l, m))).Where(double.IsFinite)];
        Axes axes = new(layers.Count, 0, finite.DefaultIfEmpty(0).Max());
        XElement bars = Svg.Group();
        double barWidth = axes.LayerWidth * 0.8 / names.Length;
        for (int l = 0; l < layers.Count; l++)
        {
            double left = axes.X(l) + (axes.LayerWidth * 0.1);
            for (int m = 0; m < names.Length; m++)
            {
                double value = Value(l, m);
                XElement hint = Svg.Title(Printable.Escape($"{names[m]}, layer {l}: {Svg.Number(value)}"));
                if (!double.IsFinite(value))
                {
                    bars.Add(Svg.Text(left + ((m + 0.5) * barWidth), axes.Y(0) - 3, "\u00d7", "middle", hint));
                    continue;
                }

                double top = axes.Y(value);
                bars.Add(Svg.Rect(left + (m * barWidth), top, barWidth, Math.Max(0, axes.Y(0) - top), Colors.Of(m), hint));
            }
        }

        (double height, XElement legend) = Axes.Legend(Axes.Height + 4, axes.Width, names);
        string unit = DiffMetricNames.Title(metric);
        return Svg.Picture(
            axes.Width, Axes.Height + 4 + height, $"Bars of change by layer, {unit}", axes.Draw("Change by layer", unit), bars, legend);
    }
}
