using System.Globalization;
using System.Xml.Linq;
using LayerSwap.Diff;
using LayerSwap.Streaming;

namespace LayerSwap.Reports.Pictures;

/// <summary>Depth by kind, a grid for each expert side by side: where fine-tuning changed most. Embeddings lie below the layers, norm and head above.</summary>
internal static class HeatMap
{
    public static XElement Draw(DiffMeasurement measured, DiffMetric metric)
    {
        KindColumns[] stacks = [.. KindColumns.Of(measured)];
        (string Name, TensorKind Kind, DeltaTotal Total)[] outside = [.. measured.GroupBy(p => p.Layer is null ? p : null).Select(g => (g.Key.Component, g.Key.Kind, g.Total))];
        double[] ends = [.. Enumerable.Range(0, measured.Models.Count).Select(m => Largest(stacks, outside, metric, m))];
        List<XElement> panels = [];
        double x = 0, y = 0, width = 0, height = 0;
        for (int s = 0; s < Math.Max(stacks.Length, 1); s++)
        {
            height = 0;
            x = 0;
            for (int m = 0; m < measured.Models.Count; m++)
            {
                CellGrid grid = Grid(measured, stacks.ElementAtOrDefault(s), s == 0 ? outside : [], metric, m) with { SharedTo = ends.Max(), OwnTo = ends[m] };
                panels.Add(grid.Draw(x, y));
                x += grid.Width + 8;
                height = Math.Max(height, grid.Height);
            }

            width = Math.Max(width, x);
            y += height;
        }

        return Svg.Picture(width, y, $"Heat-map of change by layer and kind, {DiffMetricNames.Title(metric)}", panels);
    }

    private static CellGrid Grid(DiffMeasurement measured, KindColumns? stack, IReadOnlyList<(string Name, TensorKind Kind, DeltaTotal Total)> outside, DiffMetric metric, int model)
    {
        var below = outside.Where(o => o.Kind == TensorKind.Embedding).ToArray();
        var above = outside.Where(o => o.Kind != TensorKind.Embedding).OrderBy(o => o.Kind == TensorKind.Head ? 1 : 0).ToArray();
        int layers = stack?.Layers ?? 0;
        string name = PictureNames.Short(measured.Models)[model];
        DeltaTotal? At(int row, int column) => row < below.Length ? below[row].Total : row < below.Length + layers ? stack![row - below.Length, stack.Kinds[column]] : above[row - below.Length - layers].Total;
        string[] rows = [.. below.Select(o => o.Name), .. Enumerable.Range(0, layers).Select(l => l.ToString(CultureInfo.InvariantCulture)), .. above.Select(o => o.Name)];
        bool IsWhole(int row) => row < below.Length || row >= below.Length + layers;
        return new CellGrid
        {
            Title = stack is null || measured.Map.Stacks.Count == 1 ? name : $"{name}: {stack.Stack}",
            RowTitle = "layer",
            ColumnTitle = "kind of weight",
            Rows = rows,
            Columns = stack?.Kinds ?? ["all"],
            Value = (row, column) => At(row, column)?.Amount(metric, model),
            Hint = (row, column) => Printable.Escape($"{name}, {(IsWhole(row) ? rows[row] : $"layer {rows[row]} {stack!.Kinds[column]}")}: {Svg.Number(At(row, column)!.Amount(metric, model))}"),
            Unit = DiffMetricNames.Title(metric),
            IsWhole = IsWhole,
            SharedTo = 0,
            OwnTo = 0,
        };
    }

    /// <summary>The end of the scale: the largest change of two-dimensional weights, which the paper's picture is about. A norm that moved further has the last colour.</summary>
    private static double Largest(KindColumns[] stacks, IEnumerable<(string Name, TensorKind Kind, DeltaTotal Total)> outside, DiffMetric metric, int model)
    {
        DeltaTotal[] all = [.. stacks.SelectMany(s => Enumerable.Range(0, s.Layers).SelectMany(l => s.Kinds.Select(k => s[l, k]))).Concat(outside.Select(o => o.Total)).OfType<DeltaTotal>()];
        return (Array.Exists(all, t => t.HasMatrices) ? all.Where(t => t.HasMatrices) : all).Select(t => t.Amount(metric, model)).Where(double.IsFinite).DefaultIfEmpty(0).Max();
    }
}
