using System.Xml.Linq;
using LayerSwap.Reports.Html;
using LayerSwap.Reports.Pictures;

namespace LayerSwap.Reports.Notebooks;

/// <summary>
/// The formatter source of <see cref="TypeFormatterSourceAttribute"/>. .NET Interactive creates it and calls its members by name.
/// </summary>
internal sealed class NotebookFormatters
{
    private readonly string[] _mimeTypes = ["text/html", "text/plain"];

    public IEnumerable<object> CreateTypeFormatters() => _mimeTypes.Select(m => new ResultFormatter(m));
}

/// <summary>Formats a result: a diff with its pictures, a plan as a stack of layers, all others as aligned text.</summary>
internal sealed class ResultFormatter(string mimeType)
{
    public string MimeType => mimeType;

    public bool Format(object instance, TextWriter writer)
    {
        writer.Write(mimeType == "text/html" ? Html(instance) : instance.ToString());
        return true;
    }

    private static string Html(object instance) => instance switch
    {
        LayerDiffReport report => HtmlPage.CreateFragment([.. DiffPage.Body(report, plan: null)]),
        MergePlan plan => HtmlPage.CreateFragment(HtmlPage.Scrollable(LayerStack.Of(plan)), new XElement("pre", plan.ToString())),
        _ => HtmlPage.CreateFragment(new XElement("pre", instance.ToString())),
    };
}
