namespace LayerSwap.Diff;

/// <summary>All that one pass measured, tensor by tensor: reports are views of it.</summary>
internal sealed record DiffMeasurement
{
    /// <summary>The base, then the models.</summary>
    public required IReadOnlyList<ICheckpoint> Inputs { get; init; }

    public required LayerMap Map { get; init; }

    public required IReadOnlyList<TensorInfo> Tensors { get; init; }

    /// <summary>What was gathered of each of <see cref="Tensors"/>.</summary>
    public required IReadOnlyList<TensorDelta> Changes { get; init; }

    /// <summary>Whether profiles were asked for.</summary>
    public required bool WithProfiles { get; init; }

    /// <summary>Model by model; empty where they were not asked for.</summary>
    public required IReadOnlyList<TensorProfile> Profiles { get; init; }

    public required IReadOnlyList<string> Skipped { get; init; }

    public string Base => Inputs[0].Name;

    public IReadOnlyList<string> Models => field ??= [.. Inputs.Skip(1).Select(m => m.Name)];

    /// <summary>The layers of the main stack, by number; a layer without a measured tensor has a total of nothing.</summary>
    public IReadOnlyList<DeltaTotal> Layers => field ??= SumLayers();

    /// <summary>Everything together.</summary>
    public DeltaTotal Whole => field ??= SumAll();

    /// <summary>Tensors added up under keys, in the order in which keys are first met; null leaves a tensor out.</summary>
    public IReadOnlyList<(TKey Key, DeltaTotal Total)> GroupBy<TKey>(Func<TensorPlace, TKey?> key)
        where TKey : class
    {
        List<(TKey, DeltaTotal)> groups = [];
        Dictionary<TKey, DeltaTotal> byKey = [];
        for (int i = 0; i < Tensors.Count; i++)
        {
            if (key(Map[Tensors[i].Name]) is not { } found)
            {
                continue;
            }

            if (!byKey.TryGetValue(found, out DeltaTotal? total))
            {
                byKey.Add(found, total = new DeltaTotal(Models.Count));
                groups.Add((found, total));
            }

            total.Add(Tensors[i], Changes[i]);
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
                layers[place.Layer!.Value].Add(Tensors[i], Changes[i]);
            }
        }

        return layers;
    }

    private DeltaTotal SumAll()
    {
        DeltaTotal whole = new(Models.Count);
        for (int i = 0; i < Tensors.Count; i++)
        {
            whole.Add(Tensors[i], Changes[i]);
        }

        return whole;
    }
}
