using System.Xml.Linq;
using LayerSwap.Diff;

namespace LayerSwap.Reports.Pictures;

/// <summary>How much each layer changed: a bar for each expert.</summary>
internal static class LayerBars
{
    public static XElement Draw(DiffMeasurement measured, DiffMetric metric)
    {
        IReadOnlyList<DeltaTotal> layers = measured.Layers;
        string[] names = PictureNames.Short(measured.Models);
        double Value(int layer, int model) => layers[layer].Amount(metric, model);
        Axes axes = new(layers.Count, 0, layers.SelectMany((_, l) => names.Select((_, m) => Value(l, m))).Where(double.IsFinite).DefaultIfEmpty(0).Max());
        XElement bars = Svg.Group();
        double wide = axes.LayerWidth * 0.8 / names.Length;
        for (int l = 0; l < layers.Count; l++)
        {
            for (int m = 0; m < names.Length; m++)
            {
                if (!double.IsFinite(Value(l, m)))
                {
                    bars.Add(Svg.Text(axes.X(l) + (axes.LayerWidth * 0.1) + ((m + 0.5) * wide), axes.Y(0) - 3, "\u00d7", "middle", Svg.Title(Printable.Escape($"{names[m]}, layer {l}: {Svg.Number(Value(l, m))}"))));
                    continue;
                }

                double value = Value(l, m), top = axes.Y(value);
                bars.Add(Svg.Rect(axes.X(l) + (axes.LayerWidth * 0.1) + (m * wide), top, wide, Math.Max(0, axes.Y(0) - top), Colors.Of(m), Svg.Title(Printable.Escape($"{names[m]}, layer {l}: {Svg.Number(Value(l, m))}"))));
            }
        }

        (double height, XElement legend) = Axes.Legend(Axes.Height + 4, axes.Width, names);
        return Svg.Picture(axes.Width, Axes.Height + 4 + height, $"Bars of change by layer, {DiffMetricNames.Title(metric)}", axes.Draw("Change by layer", DiffMetricNames.Title(metric)), bars, legend);
    }
}
