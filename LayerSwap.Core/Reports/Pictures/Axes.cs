using System.Globalization;
using System.Xml.Linq;

namespace LayerSwap.Reports.Pictures;

/// <summary>The axes of a plot: layers to the right, values up.</summary>
internal sealed class Axes
{
    private const double Left = 54;
    private const double Bottom = 34;
    private const double TitleHeight = 38;
    private const double PlotHeight = 150;

    private readonly double _from;
    private readonly double _to;
    private readonly int _layers;

    /// <param name="layers">The number of layers.</param>
    /// <param name="from">The lowest value, rounded down to a tick.</param>
    /// <param name="to">The highest value, rounded up to a tick.</param>
    public Axes(int layers, double from, double to)
    {
        _layers = layers;
        double range = to > from ? to - from : 1, rough = range / 4, power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        Step = new[] { 1, 2, 2.5, 5, 10 }.Select(m => m * power).First(s => s >= rough * 0.999999);
        _from = Math.Floor(from / Step * 1.0000001) * Step;
        _to = Math.Ceiling((from + range) / Step * 0.9999999) * Step;
        LayerWidth = Math.Clamp(640.0 / Math.Max(layers, 1), 9, 44);
    }

    public double LayerWidth { get; }

    /// <summary>The width in pixels, at least that of the unit's text.</summary>
    public double Width => Math.Max(Left + (_layers * LayerWidth) + 12, 440);

    public static double Height => TitleHeight + PlotHeight + Bottom;

    private double Step { get; }

    /// <summary>Computes the left edge of a layer.</summary>
    public double X(double layer) => Left + (layer * LayerWidth);

    /// <summary>Computes the height of a value; y grows downwards.</summary>
    public double Y(double value) => TitleHeight + (PlotHeight * (_to - value) / (_to - _from));

    public XElement Draw(string title, string unit)
    {
        XElement axes = Svg.Group(Svg.Text(0, 13, title, "start", Svg.Class("title")), Svg.Text(0, 27, unit, "start", Svg.Class("faint")),
            Svg.Text(X(_layers / 2.0), Height - 4, "layer", "middle", Svg.Class("faint")));
        for (double value = _from; value <= _to + (Step / 2); value += Step)
        {
            axes.Add(Svg.Line(X(0), Y(value), X(_layers), Y(value), "grid"));
            axes.Add(Svg.Text(Left - 6, Y(value) + 4, Svg.Number(Math.Round(value / Step) * Step), "end"));
        }

        int every = (int)Math.Ceiling(22 / LayerWidth);
        for (int layer = 0; layer < _layers; layer += every)
        {
            axes.Add(Svg.Text(X(layer + 0.5), Y(_from) + 14, layer.ToString(CultureInfo.InvariantCulture), "middle"));
        }

        axes.Add(Svg.Line(X(0), Y(_from), X(_layers), Y(_from), "axis"), Svg.Line(X(0), Y(_from), X(0), Y(_to), "axis"));
        return axes;
    }

    /// <summary>Draws names with their colours, wrapped to the width.</summary>
    /// <returns>The height of the legend, and its element.</returns>
    public static (double Height, XElement Drawn) Legend(double y, double width, IReadOnlyList<string> names)
    {
        XElement legend = Svg.Group();
        double x = 0, line = y;
        for (int i = 0; i < names.Count; i++)
        {
            string name = PictureNames.Cut(names[i], width - 24);
            double entryWidth = 24 + (name.Length * 6.6);
            if (x > 0 && x + entryWidth > width)
            {
                (x, line) = (0, line + 16);
            }

            legend.Add(Svg.Rect(x, line, 11, 11, Colors.Of(i)), Svg.Text(x + 16, line + 10, name));
            x += entryWidth;
        }

        return (line - y + 18, legend);
    }
}
