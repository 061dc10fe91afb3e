using System.Globalization;
using System.Xml.Linq;

namespace LayerSwap.Reports.Pictures;

/// <summary>The SVG elements of pictures. Text and lines have the colour of the page, for light mode and dark mode.</summary>
internal static class Svg
{
    private static readonly XNamespace Space = "http://www.w3.org/2000/svg";

    /// <summary>The style sheet of all pictures.</summary>
    public const string Style =
        "svg.layerswap{font:11px system-ui,sans-serif;color:CanvasText;print-color-adjust:exact;-webkit-print-color-adjust:exact}"
        + "svg.layerswap text{fill:currentColor}"
        + "svg.layerswap .axis{stroke:currentColor;stroke-opacity:.5}"
        + "svg.layerswap .grid{stroke:currentColor;stroke-opacity:.15}"
        + "svg.layerswap .cell{stroke:currentColor;stroke-opacity:.18;stroke-width:.5}"
        + "svg.layerswap .faint{fill-opacity:.75}"
        + "svg.layerswap .title{font-weight:600}"
        + "svg.layerswap .own-only{display:none}";

    /// <summary>Creates a picture. Screen readers read its label.</summary>
    public static XElement Picture(double width, double height, string label, params object[] content) => Element("svg",
        new XAttribute("class", "layerswap"), new XAttribute("role", "img"), new XAttribute("aria-label", label),
        At("width", width), At("height", height),
        new XAttribute("viewBox", string.Create(CultureInfo.InvariantCulture, $"0 0 {width:0.##} {height:0.##}")), content);

    /// <summary>Creates a document of a picture, with the style sheet.</summary>
    public static string ToDocument(XElement picture)
    {
        XElement alone = new(picture);
        alone.AddFirst(Element("style", ":root{color-scheme:light dark}" + Style));
        return alone.ToString(System.Xml.Linq.SaveOptions.DisableFormatting) + "\n";
    }

    public static XElement Group(params object[] content) => Element("g", content);

    public static XElement Translated(double x, double y, params object[] content) =>
        Element("g", new XAttribute("transform", string.Create(CultureInfo.InvariantCulture, $"translate({x:0.##} {y:0.##})")), content);

    public static XElement Rect(double x, double y, double width, double height, string fill, params object[] content) =>
        Element("rect", At("x", x), At("y", y), At("width", width), At("height", height), new XAttribute("fill", fill), content);

    public static XElement Line(double x1, double y1, double x2, double y2, string style) =>
        Element("line", At("x1", x1), At("y1", y1), At("x2", x2), At("y2", y2), new XAttribute("class", style));

    public static XElement Path(string data, params object[] content) => Element("path", new XAttribute("d", data), content);

    /// <summary>Creates a text, with control characters escaped.</summary>
    /// <param name="x">The position of the anchor.</param>
    /// <param name="y">The baseline.</param>
    /// <param name="text">The text.</param>
    /// <param name="anchor">start, middle or end.</param>
    /// <param name="content">Attributes.</param>
    public static XElement Text(double x, double y, string text, string anchor = "start", params object[] content) =>
        Element("text", At("x", x), At("y", y), new XAttribute("text-anchor", anchor), content, Printable.Escape(text));

    /// <summary>Creates the tooltip of the parent element.</summary>
    public static XElement Title(string text) => Element("title", text);

    public static XAttribute Class(string name) => new("class", name);

    public static string Number(double value) => value switch
    {
        double.NaN => "not a number",
        double.PositiveInfinity => "infinite",
        double.NegativeInfinity => "minus infinite",
        _ => value.ToString("G4", CultureInfo.InvariantCulture),
    };

    private static XElement Element(string name, params object[] content) => new(Space + name, content);

    private static XAttribute At(string name, double value) => new(name, value.ToString("0.##", CultureInfo.InvariantCulture));
}
