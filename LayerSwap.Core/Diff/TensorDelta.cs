using LayerSwap.Numerics;

namespace LayerSwap.Diff;

/// <summary>The sums of one pass over a tensor: base, delta of each model, agreement of each pair, and profiles if requested.</summary>
internal sealed class TensorDelta
{
    public TensorDelta(int models)
    {
        Models = [.. Enumerable.Range(0, models).Select(_ => new DeltaSums())];
        Pairs = [.. EnumeratePairs(models).Select(_ => new AgreementSums())];
    }

    public BaseSums Base { get; } = new();

    public IReadOnlyList<DeltaSums> Models { get; }

    public IReadOnlyList<AgreementSums> Pairs { get; }

    /// <summary>The profile sums of each model, or null without profiles.</summary>
    public IReadOnlyList<ProfileSums>? Profiles { get; set; }

    /// <summary>Enumerates the pairs of models, in order.</summary>
    public static IEnumerable<(int A, int B)> EnumeratePairs(int models) =>
        Enumerable.Range(0, models).SelectMany(a => Enumerable.Range(a + 1, models - a - 1).Select(b => (a, b)));

    /// <summary>Adds all sums except profiles, which belong to one tensor.</summary>
    public void Add(TensorDelta other)
    {
        Base.Add(other.Base);
        for (int i = 0; i < Models.Count; i++)
        {
            Models[i].Add(other.Models[i]);
        }

        for (int i = 0; i < Pairs.Count; i++)
        {
            Pairs[i].Add(other.Pairs[i]);
        }
    }

    /// <summary>Resets all sums except profiles, which are released when they are combined.</summary>
    public void Clear()
    {
        Base.Clear();
        for (int i = 0; i < Models.Count; i++)
        {
            Models[i].Clear();
        }

        for (int i = 0; i < Pairs.Count; i++)
        {
            Pairs[i].Clear();
        }
    }
}

/// <summary>Computes the sums of a tensor over the operands base, model, model, ...</summary>
/// <param name="models">The number of models.</param>
/// <param name="columns">The row length of a tensor with profiles, else 0.</param>
internal sealed class DeltaReduction(int models, long columns) : IReduction<TensorDelta>
{
    private readonly (int A, int B)[] _pairs = [.. TensorDelta.EnumeratePairs(models)];

    public TensorDelta Create() => new(models)
    {
        Profiles = columns == 0 ? null : [.. Enumerable.Range(0, models).Select(_ => new ProfileSums(columns))],
    };

    public void Observe<T>(OperandBlock<T> block, TensorDelta state)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        if (IsTwoModels(state))
        {
            ObserveTwo(block, state);
            return;
        }

        DeltaKernel.ObserveBase(block.Base, state.Base);
        for (int m = 0; m < models; m++)
        {
            if (state.Profiles is null)
            {
                DeltaKernel.ObserveModel(block.Base, block[m], [], state.Models[m]);
            }
            else
            {
                state.Profiles[m].Observe(block.Base, block[m], block.Start, state.Models[m]);
            }
        }

        for (int p = 0; p < _pairs.Length; p++)
        {
            DeltaKernel.ObservePair(block.Base, block[_pairs[p].A], block[_pairs[p].B], state.Pairs[p]);
        }
    }

    bool IReduction<TensorDelta>.TryObserve(OperandBlock<BFloat16> block, TensorDelta state)
    {
        if (IsTwoModels(state))
        {
            ObserveTwo(block, state);
        }

        return IsTwoModels(state);
    }

    public void Combine(TensorDelta into, TensorDelta from)
    {
        into.Add(from);
        for (int m = 0; columns > 0 && m < models; m++)
        {
            into.Profiles![m].Add(from.Profiles![m]);
        }
    }

    bool IReduction<TensorDelta>.Clear(TensorDelta state)
    {
        state.Clear();
        return true;
    }

    /// <summary>Whether the kernel for two models without profiles applies.</summary>
    private bool IsTwoModels(TensorDelta state) => models == 2 && state.Profiles is null;

    private static void ObserveTwo<T>(OperandBlock<T> block, TensorDelta state)
        where T : unmanaged =>
        DeltaKernel.ObserveTwo(block.Base, block[0], block[1], state.Base, state.Models[0], state.Models[1], state.Pairs[0]);
}
