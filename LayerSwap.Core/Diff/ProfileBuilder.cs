using LayerSwap.Checkpoints;

namespace LayerSwap.Diff;

/// <summary>Computes profiles from row and column sums, and counts the most changed rows that two models share.</summary>
internal sealed class ProfileBuilder(DiffRequest request)
{
    private readonly ModelConfig? _config = request.WithProfiles ? ModelConfig.TryRead(request.Base) : null;
    private readonly LayerMap _map = LayerMap.Of(request.Base);

    /// <summary>Returns the row length of a tensor that has profiles, or 0.</summary>
    public long GetRowLength(TensorInfo tensor)
    {
        bool hasProfiles = request.WithProfiles
            && tensor.Shape.Rank == 2
            && tensor.ElementCount > 0
            && tensor.Shape.Extents.All(e => e <= Array.MaxLength);
        return hasProfiles ? tensor.Shape.Extents[1] : 0;
    }

    /// <summary>Returns the profiles of a tensor, one for each model or none, and sets the row overlap of each pair.</summary>
    public TensorProfile[] Build(TensorInfo tensor, TensorDelta delta)
    {
        if (delta.Profiles is not { } sums)
        {
            return [];
        }

        long rows = tensor.Shape.Extents[0], columns = tensor.Shape.Extents[1];
        TensorProfile[] profiles = new TensorProfile[sums.Count];
        for (int m = 0; m < profiles.Length; m++)
        {
            double[] rowMeans = ComputeMeans(sums[m].Rows, columns), columnMeans = ComputeMeans(sums[m].Columns, rows);
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
                Heads = HeadLayout.SumByHead(place, _config, rowMeans, columnMeans),
            };
            sums[m].Release();
        }

        delta.Profiles = null;
        HashSet<int>[] mostChanged = [.. profiles.Select(p => SelectMostChanged(p.Rows))];
        foreach ((int pair, (int a, int b)) in TensorDelta.EnumeratePairs(profiles.Length).Index())
        {
            delta.Pairs[pair].SharedRows = mostChanged[a].Count(mostChanged[b].Contains);
            delta.Pairs[pair].MostChangedRows = Math.Min(mostChanged[a].Count, mostChanged[b].Count);
        }

        return profiles;
    }

    private static double[] ComputeMeans(ReadOnlySpan<double> sums, long count)
    {
        double[] means = sums.ToArray();
        for (int i = 0; i < means.Length; i++)
        {
            means[i] /= count;
        }

        return means;
    }

    /// <summary>Selects the tenth of the rows with the largest delta, without unchanged rows. Of equal rows the lower win.</summary>
    private static HashSet<int> SelectMostChanged(IReadOnlyList<double> rows) =>
    [
        .. Enumerable.Range(0, rows.Count)
            .Where(r => rows[r] != 0)
            .OrderByDescending(r => double.IsNaN(rows[r]) ? double.PositiveInfinity : rows[r])
            .Take((rows.Count + 9) / 10),
    ];
}
