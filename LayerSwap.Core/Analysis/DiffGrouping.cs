using System.Globalization;
using LayerSwap.Numerics;

namespace LayerSwap.Analysis;

/// <summary>Adds up the sums of tensors by layer or component and turns them into metrics and ranks.</summary>
internal static class DiffGrouping
{
    public static LayerDiffReport Report(DiffRequest request, LayerMap map, TensorInfo[] tensors, TensorChange[] changes, IReadOnlyList<string> skipped)
    {
        List<Group> groups = [];
        Dictionary<string, Group> byName = new(StringComparer.Ordinal);
        for (int i = 0; i < tensors.Length; i++)
        {
            (string name, int? layer, string? component) = Key(map[tensors[i].Name], request.GroupedBy);
            if (!byName.TryGetValue(name, out Group? group))
            {
                group = new Group(name, layer, component, request.Models.Count);
                byName.Add(name, group);
                groups.Add(group);
            }

            group.Add(tensors[i], changes[i]);
        }

        return new LayerDiffReport
        {
            Base = request.Base.Name,
            Models = [.. request.Models.Select(m => m.Name)],
            RankedBy = request.RankedBy,
            GroupedBy = request.GroupedBy,
            Entries = [.. request.Models.SelectMany((model, index) => Ranked(request.RankedBy, groups.Select(g => g.Entry(model.Name, index))))],
            Pairs = [.. TensorChange.Pairing(request.Models.Count).SelectMany((pair, index) => groups.Select(g => g.Pair(request.Models[pair.A].Name, request.Models[pair.B].Name, index)))],
            Skipped = skipped,
            Inputs = [request.Base, .. request.Models],
        };
    }

    private static (string Name, int? Layer, string? Component) Key(TensorPlace place, LayerGrouping grouping) => grouping switch
    {
        LayerGrouping.Tensor => (place.Name, place.Layer, place.Component),
        LayerGrouping.Component => (place.Component, null, place.Component),
        _ when place.Layer is { } layer => (string.Create(CultureInfo.InvariantCulture, $"{place.Stack}.{layer}"), layer, null),
        _ => (place.Component, null, place.Component),
    };

    private static IEnumerable<DiffEntry> Ranked(DiffMetric metric, IEnumerable<DiffEntry> entries) => entries
        .OrderBy(e => double.IsNaN(e[metric]) ? 1 : 0)
        .ThenByDescending(e => metric == DiffMetric.Cosine ? -e[metric] : e[metric])
        .Select((entry, index) => entry with { Rank = index + 1 });

    private sealed class Group(string name, int? layer, string? component, int models)
    {
        private readonly TensorChange _all = new(models);
        private readonly TensorChange _matrices = new(models);
        private long _elements;
        private long _matrixElements;

        public void Add(TensorInfo tensor, TensorChange change)
        {
            _all.Add(change);
            _elements += tensor.ElementCount;
            if (tensor.Shape.Rank == 2)
            {
                _matrices.Add(change);
                _matrixElements += tensor.ElementCount;
            }
        }

        public DiffEntry Entry(string model, int index)
        {
            ChangeSums sums = _all.Models[index];
            return new DiffEntry
            {
                Model = model,
                Name = name,
                Layer = layer,
                Component = component,
                Parameters = _elements,
                Rank = 0,
                MeanAbsolute = Share(sums.AbsChange, _elements),
                MatrixMeanAbsolute = _matrixElements == 0 ? double.NaN : _matrices.Models[index].AbsChange / _matrixElements,
                RelativeMeanAbsolute = Share(sums.AbsChange, sums.AbsBase),
                L2 = Math.Sqrt(sums.SquareChange),
                RelativeL2 = Math.Sqrt(Share(sums.SquareChange, sums.SquareBase)),
                Cosine = Cosine(sums.Dot, sums.SquareBase, sums.SquareTuned),
                MaxAbsolute = sums.MaxAbs,
                Changed = Share(sums.Changed, _elements),
            };
        }

        public DiffPair Pair(string a, string b, int index)
        {
            AgreementSums sums = _all.Pairs[index];
            return new DiffPair
            {
                A = a,
                B = b,
                Name = name,
                Layer = layer,
                Cosine = Cosine(sums.Dot, sums.SquareA, sums.SquareB),
                SignConflict = Share(sums.Conflicts, _elements),
            };
        }

        /// <summary>A quotient in which nothing of nothing is nothing: an unchanged zero has not changed.</summary>
        private static double Share(double part, double whole) => part == 0 && whole == 0 ? 0 : part / whole;

        private static double Cosine(double dot, double squareA, double squareB) =>
            squareA == 0 || squareB == 0 ? double.NaN : Math.Clamp(dot / (Math.Sqrt(squareA) * Math.Sqrt(squareB)), -1, 1);
    }
}
