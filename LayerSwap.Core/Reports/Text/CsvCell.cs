namespace LayerSwap.Reports;

/// <summary>CSV cells of text: control characters escaped, quoted if necessary, an apostrophe before a formula's first character.</summary>
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
