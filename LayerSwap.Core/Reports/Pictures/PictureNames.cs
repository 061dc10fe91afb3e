namespace LayerSwap.Reports.Pictures;

/// <summary>Names of models for legends: paths without the folders that they share.</summary>
internal static class PictureNames
{
    public static string[] Short(IReadOnlyList<string> names)
    {
        string[] last = [.. names.Select(n => Path.GetFileName(n.TrimEnd('/', '\\')))];
        return last.All(n => n.Length > 0) && last.Distinct(StringComparer.Ordinal).Count() == last.Length ? last : [.. names];
    }

    /// <summary>A name made harmless that fits a width at the pictures' size of letters; where it is too long its end, which tells most, stays.</summary>
    public static string Cut(string name, double width)
    {
        string text = Printable.Escape(name);
        int most = Math.Max(4, (int)(width / LetterWidth));
        return text.Length <= most ? text : "\u2026" + text[^(most - 1)..];
    }

    /// <summary>About the mean of letters at 11 pixels; those of titles are wider.</summary>
    public const double LetterWidth = 6.8;
}
