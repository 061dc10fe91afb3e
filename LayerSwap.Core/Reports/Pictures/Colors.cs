using System.Globalization;
using System.Xml.Linq;

namespace LayerSwap.Reports.Pictures;

/// <summary>Colours that people who see colours differently, and printers without them, can tell apart.</summary>
internal static class Colors
{
    /// <summary>Cividis at ten places, dark to light (Nunez, Anderton, Renslow 2018, doi:10.1371/journal.pone.0199239).</summary>
    private static readonly int[] Cividis = [0x00204D, 0x00336F, 0x39486B, 0x575C6D, 0x707173, 0x8A8779, 0xA69D75, 0xC4B56C, 0xE4CF5B, 0xFFEA46];

    /// <summary>The palette of Okabe and Ito, without its black.</summary>
    private static readonly string[] Names = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"];

    /// <summary>The colour of a place on the scale.</summary>
    /// <param name="part">From 0 to 1; what lies outside is brought inside.</param>
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

    /// <summary>The colour of a value on a scale from 0.</summary>
    /// <param name="value">A number.</param>
    /// <param name="to">The scale's end; where it is 0 everything lies at its beginning.</param>
    public static string Scale(double value, double to) => Scale(to > 0 ? value / to : 0);

    /// <summary>The scale drawn as a bar with the numbers at its ends.</summary>
    /// <param name="width">Of the bar.</param>
    /// <param name="to">The number at its end; at its beginning stands 0.</param>
    /// <param name="passed">Whether there are values beyond it.</param>
    public static XElement Bar(double width, double to, bool passed = false)
    {
        const int steps = 40;
        return Svg.Group(Enumerable.Range(0, steps).Select(i => Svg.Rect(i * width / steps, 0, (width / steps) + 0.4, 8, Scale(i / (steps - 1.0)))),
            Svg.Text(0, 19, "0"), Svg.Text(width, 19, (passed ? "\u2265 " : "") + Svg.Number(to), "end"));
    }

    /// <summary>The colour of one of several things that have no order.</summary>
    public static string Of(int index) => Names[index % Names.Length];
}
