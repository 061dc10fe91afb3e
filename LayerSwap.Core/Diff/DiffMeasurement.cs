namespace LayerSwap.Diff;

/// <summary>The sums of one pass over all tensors. Every report is a view of it.</summary>
internal sealed record DiffMeasurement
{
    /// <summary>The base, then the models.</summary>
    public required IReadOnlyList<ICheckpoint> Inputs { get; init; }

    public required LayerMap Map { get; init; }

    public required IReadOnlyList<TensorInfo> Tensors { get; init; }

    /// <summary>The sums of each of <see cref="Tensors"/>, in the same order.</summary>
    public required IReadOnlyList<TensorDelta> Deltas { get; init; }

    public required bool HasProfiles { get; init; }

    /// <summary>The profiles, model by model; empty without <see cref="HasProfiles"/>.</summary>
    public required IReadOnlyList<TensorProfile> Profiles { get; init; }

    public required IReadOnlyList<string> Skipped { get; init; }

    public string Base => Inputs[0].Name;

    public IReadOnlyList<string> Models => field ??= [.. Inputs.Skip(1).Select(m => m.Name)];

    /// <summary>The totals of the main stack's layers, by number. The total of a layer without measured tensors is empty.</summary>
    public IReadOnlyList<DeltaTotal> Layers => field ??= SumLayers();

    /// <summary>The total over all tensors.</summary>
    public DeltaTotal Whole => field ??= SumAll();

    /// <summary>Sums tensors by key, in order of first occurrence. A null key leaves a tensor out.</summary>
    public IReadOnlyList<(TKey Key, DeltaTotal Total)> GroupBy<TKey>(Func<TensorPlace, TKey?> key)
        where TKey : class
    {
        List<(TKey, DeltaTotal)> groups = [];
        Dictionary<TKey, DeltaTotal> byKey = [];
        for (int i = 0; i < Tensors.Count; i++)
        {
            if (key(Map[Tensors[i].Name]) is not { } group)
            {
                continue;
            }

            if (!byKey.TryGetValue(group, out DeltaTotal? total))
            {
                byKey.Add(group, total = new DeltaTotal(Models.Count));
                groups.Add((group, total));
            }

            total.Add(Tensors[i], Deltas[i]);
        }

        return groups;
    }

    private DeltaTotal[] SumLayers()
    {
        DeltaTotal[] layers = [.. Enumerable.Range(0, Map.LayerCount).Select(_ => new DeltaTotal(Models.Count))];
        for (int i = 0; i < Tensors.Count; i++)
        {
            TensorPlace place = Map[Tensors[i].Name];
            if (place.InMainStack)
            {
                layers[place.Layer!.Value].Add(Tensors[i], Deltas[i]);
            }
        }

        return layers;
    }

    private DeltaTotal SumAll()
    {
        DeltaTotal whole = new(Models.Count);
        for (int i = 0; i < Tensors.Count; i++)
        {
            whole.Add(Tensors[i], Deltas[i]);
        }

        return whole;
    }
}
