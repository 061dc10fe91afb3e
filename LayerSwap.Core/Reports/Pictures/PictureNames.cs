namespace LayerSwap.Reports.Pictures;

/// <summary>Names of models for legends.</summary>
internal static class PictureNames
{
    /// <summary>Returns the file names of the models; their full names if two file names are equal or one is empty.</summary>
    public static string[] Short(IReadOnlyList<string> names)
    {
        string[] last = [.. names.Select(n => Path.GetFileName(n.TrimEnd('/', '\\')))];
        return last.All(n => n.Length > 0) && last.Distinct(StringComparer.Ordinal).Count() == last.Length ? last : [.. names];
    }

    /// <summary>Escapes a name and cuts its beginning to fit a width in pixels: the ends of names differ most.</summary>
    public static string Cut(string name, double width)
    {
        string text = Printable.Escape(name);
        int most = Math.Max(4, (int)(width / LetterWidth));
        return text.Length <= most ? text : "\u2026" + text[^(most - 1)..];
    }

    /// <summary>About the mean width of a letter at 11 pixels; letters of titles are wider.</summary>
    public const double LetterWidth = 6.8;
}
