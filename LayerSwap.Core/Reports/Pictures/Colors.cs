using System.Globalization;
using System.Xml.Linq;

namespace LayerSwap.Reports.Pictures;

/// <summary>Colours that colour-blind readers and monochrome printers can tell apart.</summary>
internal static class Colors
{
    /// <summary>Ten samples of Cividis, dark to light (Nunez, Anderton, Renslow 2018, doi:10.1371/journal.pone.0199239).</summary>
    private static readonly int[] Cividis =
        [0x00204D, 0x00336F, 0x39486B, 0x575C6D, 0x707173, 0x8A8779, 0xA69D75, 0xC4B56C, 0xE4CF5B, 0xFFEA46];

    /// <summary>The palette of Okabe and Ito, without its black.</summary>
    private static readonly string[] Names = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"];

    /// <summary>Computes the colour of a position on the scale.</summary>
    /// <param name="part">From 0 to 1; other values are clamped.</param>
    public static string Scale(double part)
    {
        double place = Math.Clamp(part, 0, 1) * (Cividis.Length - 1);
        int below = Math.Min((int)place, Cividis.Length - 2);
        int Channel(int shift)
        {
            int from = (Cividis[below] >> shift) & 255, to = (Cividis[below + 1] >> shift) & 255;
            return (int)Math.Round(from + ((to - from) * (place - below)));
        }

        return string.Create(CultureInfo.InvariantCulture, $"#{Channel(16):x2}{Channel(8):x2}{Channel(0):x2}");
    }

    /// <summary>Computes the colour of a value on a scale from 0.</summary>
    /// <param name="value">A number.</param>
    /// <param name="to">The end of the scale; if it is 0, every value has the first colour.</param>
    public static string Scale(double value, double to) => Scale(to > 0 ? value / to : 0);

    /// <summary>Draws the scale as a bar with numbers at its ends.</summary>
    /// <param name="width">The width of the bar.</param>
    /// <param name="to">The number at the end; the first is 0.</param>
    /// <param name="passed">Whether values exceed the scale.</param>
    public static XElement Bar(double width, double to, bool passed = false)
    {
        const int steps = 40;
        return Svg.Group(
            Enumerable.Range(0, steps).Select(i => Svg.Rect(i * width / steps, 0, (width / steps) + 0.4, 8, Scale(i / (steps - 1.0)))),
            Svg.Text(0, 19, "0"), Svg.Text(width, 19, (passed ? "\u2265 " : "") + Svg.Number(to), "end"));
    }

    /// <summary>Returns the colour of a category.</summary>
    public static string Of(int index) => Names[index % Names.Length];
}
