using System.Globalization;
using LayerSwap.Common;
using LayerSwap.Streaming;

namespace LayerSwap;

/// <summary>Shares above a threshold as text.</summary>
public static class ThresholdReport
{
    /// <summary>Formats an aligned table: for each weight the shares of its rows and columns, and the thresholds applied.</summary>
    public static string ToText(this IEnumerable<ThresholdShare> shares)
    {
        ArgumentNullException.ThrowIfNull(shares);
        TextTable table = new TextTable("model", "name", "rows", "above", "columns", "above").Left(1);
        foreach (ThresholdShare share in shares)
        {
            table.Add(
                Printable.Escape(share.Model), Printable.Escape(share.Name),
                share.Rows.ToString("P1", CultureInfo.InvariantCulture), share.RowThreshold.ToString("G4", CultureInfo.InvariantCulture),
                share.Columns.ToString("P1", CultureInfo.InvariantCulture), share.ColumnThreshold.ToString("G4", CultureInfo.InvariantCulture));
        }

        return table.ToString();
    }
}
