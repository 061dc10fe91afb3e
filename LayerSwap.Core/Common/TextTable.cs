using System.Text;

namespace LayerSwap.Common;

/// <summary>A plain-text table. The first column is left-aligned, the others are right-aligned by default.</summary>
internal sealed class TextTable(params string[] headers)
{
    private readonly List<string[]> _rows = [headers];
    private readonly HashSet<int> _leftAligned = [0];

    public TextTable AlignLeft(params int[] columns)
    {
        _leftAligned.UnionWith(columns);
        return this;
    }

    public void Add(params string[] cells) => _rows.Add(cells);

    public override string ToString()
    {
        int[] widths = [.. Enumerable.Range(0, _rows[0].Length).Select(c => _rows.Max(r => r[c].Length))];
        StringBuilder text = new();
        foreach (string[] row in _rows)
        {
            StringBuilder line = new();
            for (int c = 0; c < row.Length; c++)
            {
                string cell = _leftAligned.Contains(c) ? row[c].PadRight(widths[c]) : row[c].PadLeft(widths[c]);
                line.Append(c == 0 ? "" : "  ").Append(cell);
            }

            text.Append(line.ToString().TrimEnd()).Append('\n');
        }

        return text.ToString();
    }
}
