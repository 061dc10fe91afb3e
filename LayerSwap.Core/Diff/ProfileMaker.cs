using LayerSwap.Checkpoints;
using LayerSwap.Merging;
using LayerSwap.Streaming;

namespace LayerSwap.Diff;

/// <summary>Turns the sums over a matrix's rows and columns into profiles, and finds the rows that two models both changed most.</summary>
internal sealed class ProfileMaker(DiffRequest request)
{
    private readonly ModelConfig? _config = request.WithProfiles ? ModelConfig.TryRead(request.Base) : null;
    private readonly LayerMap _map = LayerMap.Of(request.Base);

    /// <summary>The length of a row of a tensor that gets profiles, or 0.</summary>
    public long ColumnsOf(TensorInfo tensor) => request.WithProfiles && tensor.Shape.Rank == 2 && tensor.ElementCount > 0 && tensor.Shape.Extents.All(e => e <= Array.MaxLength) ? tensor.Shape.Extents[1] : 0;

    /// <summary>The profiles of a tensor, one for each model, and its rows' overlap in the pairs; empty where it gets none.</summary>
    public TensorProfile[] Finish(TensorInfo tensor, TensorDelta change)
    {
        if (change.Profiles is not { } sums)
        {
            return [];
        }

        long rows = tensor.Shape.Extents[0], columns = tensor.Shape.Extents[1];
        TensorProfile[] profiles = new TensorProfile[sums.Count];
        for (int m = 0; m < profiles.Length; m++)
        {
            double[] rowMeans = Means(sums[m].Rows, columns), columnMeans = Means(sums[m].Columns, rows);
            TensorPlace place = _map[tensor.Name];
            profiles[m] = new TensorProfile
            {
                Model = request.Models[m].Name,
                Name = tensor.Name,
                Stack = place.Stack,
                Layer = place.Layer,
                Component = place.Component,
                Rows = rowMeans,
                Columns = columnMeans,
                Heads = HeadLayout.Of(place, _config, rowMeans, columnMeans),
            };
            sums[m].Release();
        }

        change.Profiles = null;
        HashSet<int>[] most = [.. profiles.Select(p => MostChanged(p.Rows))];
        foreach ((int pair, (int a, int b)) in TensorDelta.Pairing(profiles.Length).Index())
        {
            change.Pairs[pair].SharedRows = most[a].Count(most[b].Contains);
            change.Pairs[pair].MostChangedRows = Math.Min(most[a].Count, most[b].Count);
        }

        return profiles;
    }

    private static double[] Means(ReadOnlySpan<double> sums, long count)
    {
        double[] means = sums.ToArray();
        for (int i = 0; i < means.Length; i++)
        {
            means[i] /= count;
        }

        return means;
    }

    /// <summary>The most changed tenth, of equal ones the lower; those that changed at all.</summary>
    private static HashSet<int> MostChanged(IReadOnlyList<double> rows) =>
        [.. Enumerable.Range(0, rows.Count).Where(r => rows[r] != 0).OrderByDescending(r => double.IsNaN(rows[r]) ? double.PositiveInfinity : rows[r]).Take((rows.Count + 9) / 10)];
}
