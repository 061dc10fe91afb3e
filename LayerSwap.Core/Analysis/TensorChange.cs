using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Analysis;

/// <summary>What one pass gathers of a tensor: the base, the change of each model, the agreement of each two; of a matrix its profiles too, where they are asked for.</summary>
internal sealed class TensorChange
{
    public TensorChange(int models)
    {
        Models = [.. Enumerable.Range(0, models).Select(_ => new ChangeSums())];
        Pairs = [.. Pairing(models).Select(_ => new AgreementSums())];
    }

    public OriginSums Origin { get; } = new();

    public IReadOnlyList<ChangeSums> Models { get; }

    public IReadOnlyList<AgreementSums> Pairs { get; }

    /// <summary>One for each model, or null.</summary>
    public IReadOnlyList<ProfileSums>? Profiles { get; set; }

    /// <summary>Every two of so many models, in order.</summary>
    public static IEnumerable<(int A, int B)> Pairing(int models) =>
        Enumerable.Range(0, models).SelectMany(a => Enumerable.Range(a + 1, models - a - 1).Select(b => (a, b)));

    /// <summary>Adds all but the profiles, which are a tensor's own.</summary>
    public void Add(TensorChange other)
    {
        Origin.Add(other.Origin);
        for (int i = 0; i < Models.Count; i++)
        {
            Models[i].Add(other.Models[i]);
        }

        for (int i = 0; i < Pairs.Count; i++)
        {
            Pairs[i].Add(other.Pairs[i]);
        }
    }

    /// <summary>Is as if nothing had been added; profiles are emptied where they are added.</summary>
    public void Clear()
    {
        Origin.Clear();
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

/// <summary>The pass itself: operand 0 is the base, the others are the models.</summary>
/// <param name="models">How many.</param>
/// <param name="columns">The length of a row, where profiles are wanted; else 0.</param>
internal sealed class ChangeReduction(int models, long columns) : IRowsReduction<TensorChange>
{
    private readonly (int A, int B)[] _pairs = [.. TensorChange.Pairing(models)];

    public TensorChange Create() => new(models) { Profiles = columns == 0 ? null : [.. Enumerable.Range(0, models).Select(_ => new ProfileSums(columns))] };

    /// <summary>Two models of BF16, as most comparisons have.</summary>
    public bool TryObserve(in Rows<BFloat16> rows, long start, TensorChange state)
    {
        if (models != 2 || state.Profiles is not null)
        {
            return false;
        }

        ChangeKernel.ObserveTwo(rows[0], rows[1], rows[2], state.Origin, state.Models[0], state.Models[1], state.Pairs[0]);
        return true;
    }

    public void Observe<T>(in Rows<T> rows, long start, Span<T> spare, TensorChange state)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        if (models == 2 && state.Profiles is null)
        {
            ChangeKernel.ObserveTwo(rows[0], rows[1], rows[2], state.Origin, state.Models[0], state.Models[1], state.Pairs[0]);
            return;
        }

        ChangeKernel.ObserveOrigin(rows[0], state.Origin);
        for (int m = 0; m < models; m++)
        {
            if (state.Profiles is null)
            {
                ChangeKernel.Observe(rows[0], rows[m + 1], [], state.Models[m]);
            }
            else
            {
                state.Profiles[m].Observe(rows[0], rows[m + 1], start, state.Models[m]);
            }
        }

        for (int p = 0; p < _pairs.Length; p++)
        {
            ChangeKernel.ObservePair(rows[0], rows[_pairs[p].A + 1], rows[_pairs[p].B + 1], state.Pairs[p]);
        }
    }

    public void Combine(TensorChange into, TensorChange from)
    {
        into.Add(from);
        for (int m = 0; columns > 0 && m < models; m++)
        {
            into.Profiles![m].Add(from.Profiles![m]);
        }
    }

    public bool Clear(TensorChange state)
    {
        state.Clear();
        return true;
    }
}
