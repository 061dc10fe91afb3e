using System.Globalization;
using LayerSwap.Common;

namespace LayerSwap;

/// <summary>Shares above a threshold as text.</summary>
public static class ThresholdReport
{
    /// <summary>Formats an aligned table: for each weight the shares of its rows and columns, and the thresholds applied.</summary>
    public static string ToText(this IEnumerable<ThresholdShare> shares)
    {
        ArgumentNullException.ThrowIfNull(shares);
        TextTable table = new TextTable("model", "name", "rows", "above", "columns", "above").AlignLeft(1);
        foreach (ThresholdShare share in shares)
        {
            table.Add(
                Printable.Escape(share.Model), Printable.Escape(share.Name),
                Text(share.Rows, "P1"), Text(share.RowThreshold, "G4"), Text(share.Columns, "P1"), Text(share.ColumnThreshold, "G4"));
        }

        return table.ToString();

        static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
    }
}
