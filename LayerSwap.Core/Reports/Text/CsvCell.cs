namespace LayerSwap.Reports;

/// <summary>A text as a CSV cell that is only ever a text: controls escaped, quoted where needed, an apostrophe before what would start a formula.</summary>
internal static class CsvCell
{
    public static string Text(string text)
    {
        string cell = Printable.Escape(text);
        if (cell.Length > 0 && cell[0] is '=' or '+' or '-' or '@' or '\t' or '\r')
        {
            cell = "'" + cell;
        }

        return cell.AsSpan().IndexOfAny(",\";\n\r") < 0 ? cell : "\"" + cell.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";
    }
}
