using System.Globalization;
using System.Xml.Linq;
using LayerSwap.Diff;

namespace LayerSwap.Reports.Pictures;

/// <summary>
/// The size of deltas by layer and kind of weight, a grid for each expert. Embeddings are drawn below the layers, norm and head above.
/// </summary>
internal static class HeatMap
{
    public static XElement Draw(DiffMeasurement measured, DiffMetric metric)
    {
        KindColumns[] stacks = [.. KindColumns.Of(measured)];
        (string Name, TensorKind Kind, DeltaTotal Total)[] outside =
            [.. measured.GroupBy(p => p.Layer is null ? p : null).Select(g => (g.Key.Component, g.Key.Kind, g.Total))];
        double[] ends = [.. Enumerable.Range(0, measured.Models.Count).Select(m => Largest(stacks, outside, metric, m))];
        List<XElement> panels = [];
        double x = 0, y = 0, width = 0, height = 0;
        for (int s = 0; s < Math.Max(stacks.Length, 1); s++)
        {
            height = 0;
            x = 0;
            for (int m = 0; m < measured.Models.Count; m++)
            {
                CellGrid grid = Grid(measured, stacks.ElementAtOrDefault(s), s == 0 ? outside : [], metric, m) with
                {
                    SharedTo = ends.Max(),
                    OwnTo = ends[m],
                };
                panels.Add(grid.Draw(x, y));
                x += grid.Width + 8;
                height = Math.Max(height, grid.Height);
            }

            width = Math.Max(width, x);
            y += height;
        }

        return Svg.Picture(width, y, $"Heat-map of change by layer and kind, {DiffMetricNames.Title(metric)}", panels);
    }

    private static CellGrid Grid(
        DiffMeasurement measured, KindColumns? stack,
        IReadOnlyList<(string Name, TensorKind Kind, DeltaTotal Total)> outside, DiffMetric metric, int model)
    {
        var below = outside.Where(o => o.Kind == TensorKind.Embedding).ToArray();
        var above = outside.Where(o => o.Kind != TensorKind.Embedding).OrderBy(o => o.Kind == TensorKind.Head ? 1 : 0).ToArray();
        int layers = stack?.Layers ?? 0;
        string name = PictureNames.Short(measured.Models)[model];
        string[] rows =
        [
            .. below.Select(o => o.Name),
            .. Enumerable.Range(0, layers).Select(l => l.ToString(CultureInfo.InvariantCulture)),
            .. above.Select(o => o.Name),
        ];
        return new CellGrid
        {
            Title = stack is null || measured.Map.Stacks.Count == 1 ? name : $"{name}: {stack.Stack}",
            RowTitle = "layer",
            ColumnTitle = "kind of weight",
            Rows = rows,
            Columns = stack?.Kinds ?? ["all"],
            Value = (row, column) => At(row, column)?.Magnitude(metric, model),
            Tooltip = Hint,
            Unit = DiffMetricNames.Title(metric),
            IsWhole = IsWhole,
            SharedTo = 0,
            OwnTo = 0,
        };

        bool IsWhole(int row) => row < below.Length || row >= below.Length + layers;

        DeltaTotal? At(int row, int column)
        {
            if (row < below.Length)
            {
                return below[row].Total;
            }

            int layer = row - below.Length;
            return layer < layers ? stack![layer, stack.Kinds[column]] : above[layer - layers].Total;
        }

        string Hint(int row, int column)
        {
            string cell = IsWhole(row) ? rows[row] : $"layer {rows[row]} {stack!.Kinds[column]}";
            return Printable.Escape($"{name}, {cell}: {Svg.Number(At(row, column)!.Magnitude(metric, model))}");
        }
    }

    /// <summary>
    /// Computes the end of the scale: the largest delta of two-dimensional weights, as in the paper.
    /// A norm with a larger delta has the last colour.
    /// </summary>
    private static double Largest(
        KindColumns[] stacks, IEnumerable<(string Name, TensorKind Kind, DeltaTotal Total)> outside, DiffMetric metric, int model)
    {
        IEnumerable<DeltaTotal?> inside =
            stacks.SelectMany(s => Enumerable.Range(0, s.Layers).SelectMany(l => s.Kinds.Select(k => s[l, k])));
        DeltaTotal[] all = [.. inside.Concat(outside.Select(o => o.Total)).OfType<DeltaTotal>()];
        return (Array.Exists(all, t => t.HasMatrices) ? all.Where(t => t.HasMatrices) : all)
            .Select(t => t.Magnitude(metric, model)).Where(double.IsFinite).DefaultIfEmpty(0).Max();
    }
}
