namespace LayerSwap.Reports.Pictures;

/// <summary>Names of models for legends: paths without the folders that they share.</summary>
internal static class PictureNames
{
    public static string[] Short(IReadOnlyList<string> names)
    {
        string[] last = [.. names.Select(n => Path.GetFileName(n.TrimEnd('/', '\\')))];
        return last.All(n => n.Length > 0) && last.Distinct(StringComparer.Ordinal).Count() == last.Length ? last : [.. names];
    }
}
