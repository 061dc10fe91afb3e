using System.Globalization;
using System.Xml.Linq;

namespace LayerSwap.Reports.Pictures;

/// <summary>A grid of coloured cells with axes. Rows are layers, from the bottom up.</summary>
internal sealed record CellGrid
{
    private const double AxisWidth = 50;
    private const double TitleHeight = 18;
    private const double LegendHeight = 46;
    private const int LongestColumn = 22;

    public required string Title { get; init; }

    public required string RowTitle { get; init; }

    public required string ColumnTitle { get; init; }

    /// <summary>The names of the rows, from the bottom up.</summary>
    public required IReadOnlyList<string> Rows { get; init; }

    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>The value of (row, column); null if there is no cell.</summary>
    public required Func<int, int, double?> Value { get; init; }

    /// <summary>The tooltip of (row, column).</summary>
    public required Func<int, int, string> Tooltip { get; init; }

    /// <summary>The quantity and unit of the scale.</summary>
    public required string Unit { get; init; }

    /// <summary>The end of the scale that all grids of a picture share.</summary>
    public required double SharedTo { get; init; }

    /// <summary>The end of this grid's own scale.</summary>
    public required double OwnTo { get; init; }

    /// <summary>Whether a row is one cell over all columns: a tensor outside the layers.</summary>
    public Func<int, bool> IsWhole { get; init; } = _ => false;

    public double CellWidth { get; init; } = 34;

    public double CellHeight => Rows.Count > 48 ? 9 : 15;

    /// <summary>The width in pixels, at least that of the scale's unit.</summary>
    public double Width => AxisWidth + Math.Max((Columns.Count * CellWidth) + 16, (Unit.Length + "own scale: ".Length) * 6.0);

    public double Height => Top + (Rows.Count * CellHeight) + 16 + LegendHeight;

    /// <summary>Whether a column's name is too long for its cell; names are then rotated.</summary>
    private bool Aslant => Columns.Any(c => c.Length > (int)(CellWidth / PictureNames.LetterWidth));

    /// <summary>The distance of labelled columns: numbers that would touch are left out.</summary>
    private int EveryColumn => Columns.All(c => TryParse(c, out _)) ? (int)Math.Ceiling(20 / CellWidth) : 1;

    private double Top => TitleHeight + (Aslant ? 14 + (4.6 * Math.Min(Columns.Max(c => c.Length), LongestColumn)) : 18);

    public XElement Draw(double x, double y)
    {
        string title = PictureNames.Cut(Title, Width - AxisWidth - 8);
        XElement drawn = Svg.Translated(x, y,
            Svg.Text(AxisWidth, 12, title, "start", Svg.Class("title"), Svg.Title(Printable.Escape(Title))));
        for (int c = 0; c < Columns.Count; c++)
        {
            double middle = AxisWidth + ((c + 0.5) * CellWidth);
            if (Aslant)
            {
                string name = PictureNames.Cut(Columns[c], LongestColumn * PictureNames.LetterWidth);
                drawn.Add(Svg.Text(middle - 4, Top - 5, name, "start", Rotation(-40, middle - 4, Top - 5)));
            }
            else if (c % EveryColumn == 0)
            {
                drawn.Add(Svg.Text(middle, Top - 5, Columns[c], "middle"));
            }
        }

        int every = Rows.Count > 48 ? 4 : 1;
        for (int r = 0; r < Rows.Count; r++)
        {
            double bottom = Top + ((Rows.Count - r) * CellHeight);
            if (IsWhole(r) || !TryParse(Rows[r], out int number) || number % every == 0)
            {
                double baseline = bottom - (CellHeight / 2) + 4;
                drawn.Add(Svg.Text(AxisWidth - 5, baseline, Short(Rows[r]), "end", Svg.Title(Printable.Escape(Rows[r]))));
            }

            for (int c = 0; c < (IsWhole(r) ? 1 : Columns.Count); c++)
            {
                if (Value(r, c) is { } value)
                {
                    drawn.Add(Cell(r, c, value, bottom - CellHeight, IsWhole(r) ? Columns.Count * CellWidth : CellWidth));
                }
            }
        }

        double end = Top + (Rows.Count * CellHeight), center = Top + (Rows.Count * CellHeight / 2);
        drawn.Add(Svg.Text(12, center, RowTitle, "middle", Svg.Class("faint"), Rotation(-90, 8, center)),
            Svg.Text(AxisWidth + (Columns.Count * CellWidth / 2), end + 12, ColumnTitle, "middle", Svg.Class("faint")),
            Legend(end + 18, SharedTo, "shared-only", "scale"), Legend(end + 18, OwnTo, "own-only", "own scale"));
        return drawn;
    }

    private XElement Cell(int row, int column, double value, double y, double width)
    {
        double x = AxisWidth + (column * CellWidth);
        XElement hint = Svg.Title(Tooltip(row, column));
        if (!double.IsFinite(value))
        {
            return Svg.Group(Svg.Rect(x, y, width, CellHeight, "none", Svg.Class("cell")),
                Svg.Text(x + (width / 2), y + (CellHeight / 2) + 4, "\u00d7", "middle"), hint);
        }

        return Svg.Rect(x, y, width, CellHeight, Colors.Scale(value, SharedTo),
            Svg.Class("cell"), new XAttribute("style", "--own:" + Colors.Scale(value, OwnTo)), hint);
    }

    /// <summary>Draws the colour bar with its numbers and its unit.</summary>
    private XElement Legend(double y, double to, string shown, string scale)
    {
        const double width = 200;
        return Svg.Translated(AxisWidth, y, Svg.Class(shown), Colors.Bar(width, to, Passed(to)),
            Svg.Text(width / 2, 19, (to / 2).ToString("G2", CultureInfo.InvariantCulture), "middle"),
            Svg.Text(0, 31, $"{scale}: {Unit}", "start", Svg.Class("faint")));
    }

    /// <summary>Checks whether a cell's value exceeds the end of the scale.</summary>
    private bool Passed(double to) =>
        Enumerable.Range(0, Rows.Count).Any(r => Enumerable.Range(0, IsWhole(r) ? 1 : Columns.Count).Any(c => Value(r, c) > to));

    private static XAttribute Rotation(int degrees, double x, double y) =>
        new("transform", string.Create(CultureInfo.InvariantCulture, $"rotate({degrees} {x:0.##} {y:0.##})"));

    private static bool TryParse(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static string Short(string name) => name switch
    {
        { Length: <= 6 } => name,
        _ when name.Contains("embed", StringComparison.OrdinalIgnoreCase) || name.Contains("wte", StringComparison.Ordinal) => "embed",
        _ when name.EndsWith("norm", StringComparison.Ordinal) => "norm",
        _ when name.EndsWith("head", StringComparison.Ordinal) => "head",
        _ => PictureNames.Cut(name, AxisWidth - 6),
    };
}
