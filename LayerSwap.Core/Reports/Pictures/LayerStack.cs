using System.Globalization;
using System.Xml.Linq;

namespace LayerSwap.Reports.Pictures;

/// <summary>A merge as a stack of layers, each coloured by its source models. The colours of merged models are stacked.</summary>
internal static class LayerStack
{
    private const double Left = 70;
    private const double BarWidth = 220;
    private const double RowHeight = 15;

    /// <summary>Draws the sources of each layer of a plan.</summary>
    public static XElement Of(MergePlan plan)
    {
        string[] inputs = [.. plan.Tensors.SelectMany(t => t.Sources).Distinct(StringComparer.Ordinal)];
        string[] names = PictureNames.Short(inputs);
        Row[] rows = [.. Places(plan).Select(p => new Row(p.Label, Pieces(p.Tensors, inputs), Describe(p.Tensors, inputs, names)))];
        return Draw("Where each layer comes from", names, rows);
    }

    /// <summary>Draws the sources of each layer of a suggestion; it does not cover tensors outside the layers.</summary>
    public static XElement Of(SwapSuggestion suggestion)
    {
        int layers = suggestion.LayerCount;
        string[] names = PictureNames.Short([suggestion.Inner, suggestion.Outer]);
        LayerSwapOptions swap = suggestion.ToOptions();
        IEnumerable<Row> rows = Enumerable.Range(0, layers).Select(l =>
        {
            bool outer = l < swap.Bottom || l >= layers - swap.Top;
            bool inner = l >= swap.Bottom + swap.TransitionBottom && l < layers - swap.Top - swap.TransitionTop;
            int[] sources = outer ? [1] : inner ? [0] : [0, 1];
            return new Row(l.ToString(CultureInfo.InvariantCulture), [(1, sources)], string.Join(" and ", sources.Select(s => names[s])));
        });
        return Draw("What would come from where", names, [.. rows]);
    }

    private static XElement Draw(string title, string[] names, Row[] rows)
    {
        double legendTop = 22 + (rows.Length * RowHeight) + 8, width = Left + BarWidth + 330;
        (double legendHeight, XElement legend) = Axes.Legend(legendTop, width, names);
        XElement picture = Svg.Picture(width, legendTop + legendHeight, title, Svg.Text(0, 13, title, "start", Svg.Class("title")));
        for (int r = 0; r < rows.Length; r++)
        {
            Row row = rows[r];
            double y = 22 + ((rows.Length - 1 - r) * RowHeight), x = Left;
            XElement bar = Svg.Group(Svg.Title(Printable.Escape($"{row.Label}: {row.Description}")));
            foreach ((double weight, int[] sources) in row.Pieces)
            {
                double height = (RowHeight - 2) / sources.Length;
                foreach ((int source, int position) in sources.Select((s, i) => (s, i)))
                {
                    bar.Add(Svg.Rect(x, y + 1 + (position * height), BarWidth * weight, height, Colors.Of(source)));
                }

                x += BarWidth * weight;
            }

            picture.Add(Svg.Text(Left - 6, y + 11, row.Label, "end"), bar);
            // Of equal neighbouring rows only the lowest has a description.
            if (r == 0 || row.Description != rows[r - 1].Description)
            {
                picture.Add(Svg.Text(Left + BarWidth + 8, y + 11, PictureNames.Cut(row.Description, 320),
                    "start", Svg.Title(Printable.Escape(row.Description))));
            }
        }

        picture.Add(legend);
        return picture;
    }

    private static IEnumerable<(string Label, PlannedTensor[] Tensors)> Places(MergePlan plan) =>
    [
        .. Outside(plan, t => t.Place.Kind == TensorKind.Embedding),
        .. plan.Tensors.Where(t => t.Place.Layer is not null)
            .GroupBy(t => (Stack: t.Place.Stack!, Layer: t.Place.Layer!.Value))
            .OrderBy(g => g.Key.Stack == plan.Layers.MainStack ? 1 : 0)
            .ThenBy(g => g.Key.Stack, StringComparer.Ordinal).ThenBy(g => g.Key.Layer)
            .Select(g => (LayerLabel(plan, g.Key.Stack, g.Key.Layer), g.ToArray())),
        .. Outside(plan, t => t.Place.Kind != TensorKind.Embedding),
    ];

    private static string LayerLabel(MergePlan plan, string stack, int layer)
    {
        string number = layer.ToString(CultureInfo.InvariantCulture);
        return stack == plan.Layers.MainStack ? number : $"{stack[..Math.Min(8, stack.Length)]} {number}";
    }

    private static IEnumerable<(string, PlannedTensor[])> Outside(MergePlan plan, Func<PlannedTensor, bool> matches) =>
        plan.Tensors.Where(t => t.Place.Layer is null && matches(t))
            .GroupBy(t => t.Place.Kind)
            .OrderBy(g => g.Key == TensorKind.Head ? 1 : 0)
            .Select(g => (g.Key.ToString().ToLowerInvariant(), g.ToArray()));

    /// <summary>Groups tensors by their sources, weighted by bytes. Most layers give one piece.</summary>
    private static (double Weight, int[] Sources)[] Pieces(PlannedTensor[] tensors, string[] inputs)
    {
        double total = Math.Max(1, tensors.Sum(t => (double)t.Tensor.ByteLength));
        return
        [
            .. tensors.GroupBy(t => string.Join('\0', t.Sources), StringComparer.Ordinal).Select(g =>
                (g.Sum(t => (double)t.Tensor.ByteLength) / total, g.First().Sources.Select(s => Array.IndexOf(inputs, s)).ToArray())),
        ];
    }

    private static string Describe(PlannedTensor[] tensors, string[] inputs, string[] names)
    {
        return string.Join("; ", tensors.Select(One).Distinct(StringComparer.Ordinal));

        string One(PlannedTensor tensor) => (tensor.Operation == PlannedOperation.Take ? "" : tensor.Strategy + " of ")
            + string.Join(" and ", tensor.Sources.Select(s => names[Array.IndexOf(inputs, s)]));
    }

    private sealed record Row(string Label, IReadOnlyList<(double Weight, int[] Sources)> Pieces, string Description);
}
