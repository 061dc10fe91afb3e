using System.Xml.Linq;
using LayerSwap.Reports.Pictures;

namespace LayerSwap.Reports.Html;

/// <summary>
/// A self-contained HTML page: needs no network, and no script to be read. System colours make light mode, dark mode and print work.
/// </summary>
internal static class HtmlPage
{
    private const string Style = ":root{color-scheme:light dark}"
        + "body{font:15px/1.45 system-ui,sans-serif;background:Canvas;color:CanvasText;margin:0 auto;max-width:1200px;padding:16px}"
        + Fragment;

    private const string Fragment = ".layerswap-report h1{font-size:1.5em;margin:.2em 0}"
        + ".layerswap-report h2{font-size:1.15em;margin:1.6em 0 .4em}"
        + ".layerswap-report p,.layerswap-report li{max-width:75ch;overflow-wrap:anywhere}"
        + ".layerswap-report .scroll{overflow-x:auto}"
        + ".layerswap-report table{border-collapse:collapse;font-size:.85em;font-variant-numeric:tabular-nums}"
        + ".layerswap-report th,.layerswap-report td{padding:2px 9px;text-align:right;"
        + "border-bottom:1px solid color-mix(in srgb,currentColor 18%,transparent);white-space:nowrap}"
        + ".layerswap-report th.text,.layerswap-report td.text{text-align:left}"
        + ".layerswap-report table.sortable th{cursor:pointer}"
        + ".layerswap-report .note{border-left:4px solid #D55E00;padding-left:.7em}"
        + ".layerswap-report pre{overflow-x:auto;font-size:.85em}"
        + ".layerswap-report .picture:has(.own:checked) .cell{fill:var(--own,none)}"
        + ".layerswap-report .picture:has(.own:checked) .shared-only{display:none}"
        + ".layerswap-report .picture:has(.own:checked) .own-only{display:inline}"
        + "@media print{.layerswap-report .scroll{overflow:visible}"
        + ".layerswap-report svg{max-width:100%;height:auto}"
        + ".layerswap-report h2{break-after:avoid}"
        + ".layerswap-report svg,.layerswap-report tr{break-inside:avoid}"
        + ".layerswap-report label{display:none}}"
        + Svg.Style;

    /// <summary>Sorts a table by the column whose head is clicked. Contains none of the characters that markup escapes.</summary>
    private const string Script = "document.querySelectorAll('table.sortable').forEach(function(table){"
        + "table.querySelectorAll('th').forEach(function(head,column){"
        + "head.tabIndex=0;"
        + "function sort(){"
        + "var up=head.getAttribute('aria-sort')=='descending';"
        + "table.querySelectorAll('th').forEach(function(h){h.removeAttribute('aria-sort')});"
        + "head.setAttribute('aria-sort',up?'ascending':'descending');"
        + "var body=table.tBodies[0],rows=Array.from(body.rows);"
        + "rows.sort(function(a,b){"
        + "var x=a.cells[column].textContent,y=b.cells[column].textContent,n=parseFloat(x)-parseFloat(y);"
        + "var order=isNaN(n)?x.localeCompare(y,undefined,{numeric:true}):n;return up?order:-order});"
        + "rows.forEach(function(row){body.appendChild(row)})}"
        + "head.addEventListener('click',sort);"
        + "head.addEventListener('keydown',function(e){if(e.key=='Enter')sort()})})})";

    private const string ContentPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

    /// <summary>Creates a whole document.</summary>
    public static string Document(string title, params object[] body)
    {
        XElement head = new("head",
            new XElement("meta", new XAttribute("charset", "utf-8")),
            new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
            new XElement("meta", new XAttribute("http-equiv", "Content-Security-Policy"), new XAttribute("content", ContentPolicy)),
            new XElement("link", new XAttribute("rel", "icon"), new XAttribute("href", "data:,")),
            new XElement("title", Printable.Escape(title)),
            new XElement("style", Style));
        XElement html = new("html", new XAttribute("lang", "en"),
            head, new XElement("body", Report(body), new XElement("script", Script)));
        return "<!DOCTYPE html>\n" + Serialize(html);
    }

    /// <summary>Creates a fragment of a page, for a notebook's output.</summary>
    public static string CreateFragment(params object[] body) =>
        Serialize(new XElement("div", new XElement("style", Fragment), Report(body)));

    /// <summary>Creates an element with a name or a number of a model, with control characters escaped and long texts cut.</summary>
    public static XElement Text(string tag, string text, string? style = null) =>
        new(tag, style is null ? null : new XAttribute("class", style), Printable.Escape(text));

    /// <summary>Wraps wide content so that it scrolls instead of the page.</summary>
    public static XElement Scrollable(params object[] content) => new("div", new XAttribute("class", "scroll"), content);

    /// <summary>Creates a sortable table.</summary>
    /// <param name="heads">Column heads; the first <paramref name="texts"/> columns are texts, the others numbers.</param>
    /// <param name="texts">The number of text columns.</param>
    /// <param name="rows">The cells.</param>
    public static XElement Table(IReadOnlyList<string> heads, int texts, IEnumerable<IReadOnlyList<string>> rows)
    {
        return Scrollable(new XElement("table", new XAttribute("class", "sortable"),
            new XElement("thead", Row("th", heads)),
            new XElement("tbody", rows.Select(r => Row("td", r)))));

        XElement Row(string tag, IReadOnlyList<string> cells) =>
            new("tr", cells.Select((c, i) => Text(tag, c, i < texts ? "text" : null)));
    }

    private static XElement Report(object[] body) => new("main", new XAttribute("class", "layerswap-report"), body);

    private static string Serialize(XElement element) => element.ToString(System.Xml.Linq.SaveOptions.DisableFormatting) + "\n";
}
