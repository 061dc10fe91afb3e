using System.Globalization;
using System.Numerics;

namespace LayerSwap.Merging;

/// <summary>Select, calculate, erase (Wan et al., arXiv:2408.07990): positions where the models disagree most, weights from the energy of what is kept, minority signs erased.</summary>
internal sealed class SceStrategy(Schedule selectTopk) : IMergeStrategy
{
    public string Name => "sce";

    public override string ToString() => $"select_topk {selectTopk}";

    public TensorMerge Bind(MergeTensor tensor)
    {
        TwoModels.RequireBase(Name, tensor, 1);
        double share = selectTopk.At(tensor.Place);
        return share is >= 0 and <= 1 ? new SceMerge(tensor.SourceCount, share)
            : throw new MergeException($"sce: select_topk is {share.ToString(CultureInfo.InvariantCulture)}; expected is 0 to 1.");
    }
}

/// <summary>The merge: a cut by variance, then the energies of what it keeps.</summary>
internal sealed class SceMerge(int sources, double share) : PreciseMerge
{
    private const double NearlyZero = 1e-6;

    private readonly VarianceKeys _keys = new(sources);
    private Cut _cut = Cut.All;
    private double[] _weights = [];

    public override AgreementRule Agreement => AgreementRule.All;

    public override string Detail => $"select_topk {share.ToString(CultureInfo.InvariantCulture)}";

    public override void Prepare(TensorPasses passes)
    {
        if (share < 1)
        {
            long varied = passes.Reduce(new VariedReduction(_keys)).Count;
            // Where nothing varies there is nothing to select from: the plain consensus.
            _cut = varied == 0 ? Cut.All : RankSelector.Select(passes, _keys, new RankRequest(0, (long)(share * varied)))[0];
        }

        double[] energies = passes.Reduce(new EnergyReduction(this));
        double sum = energies.Sum();
        double mean = sum / Math.Max(passes.ElementCount, 1);
        _weights = Math.Abs(mean) < NearlyZero || !double.IsFinite(mean) ? [.. energies.Select(_ => 1.0 / sources)] : [.. energies.Select(e => e / sum)];
    }

    protected override void Compute<T>(in MergeBlock<T> block)
    {
        Span<double> changes = stackalloc double[sources];
        for (int i = 0; i < block.Length; i++)
        {
            double origin = double.CreateTruncating(block.Base[i]);
            if (!Changes(block, i, changes))
            {
                block.Output[i] = block.Base[i];
                continue;
            }

            double sum = 0, mixed = 0, weights = 0;
            foreach (double change in changes)
            {
                sum += change;
            }

            bool positive = !(sum < 0);
            for (int s = 0; s < sources; s++)
            {
                if (positive ? changes[s] > 0 : changes[s] < 0)
                {
                    mixed += changes[s] * _weights[s];
                    weights += _weights[s];
                }
                else if (double.IsNaN(changes[s]))
                {
                    mixed = double.NaN;
                }
            }

            block.Output[i] = T.CreateTruncating(origin + (mixed / Math.Max(weights, NearlyZero)));
        }
    }

    /// <summary>The changes of an element, and whether it was selected.</summary>
    private bool Changes<T>(in MergeBlock<T> block, int i, Span<double> changes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        VarianceKeys.Changes(block, i, changes);
        return _cut.Includes(VarianceKeys.Key(changes), block.Start + i);
    }

    private sealed class Counter
    {
        public long Count { get; set; }
    }

    /// <summary>How many elements the models do not agree on.</summary>
    private sealed class VariedReduction(VarianceKeys keys) : TensorReduction<Counter>
    {
        public override Counter Create() => new();

        public override void Observe<T>(MergeBlock<T> block, Counter state)
        {
            ulong[] found = System.Buffers.ArrayPool<ulong>.Shared.Rent(Math.Max(block.Length, 1));
            keys.Keys(block, 0, found.AsSpan(0, block.Length));
            state.Count += block.Length - found.AsSpan(0, block.Length).Count(0UL);
            System.Buffers.ArrayPool<ulong>.Shared.Return(found);
        }

        public override void Combine(Counter into, Counter from) => into.Count += from.Count;
    }

    /// <summary>The sum of squares of what is selected of each change.</summary>
    private sealed class EnergyReduction(SceMerge merge) : TensorReduction<double[]>
    {
        private readonly int _sources = merge._keys.Sources;

        public override double[] Create() => new double[_sources];

        public override void Observe<T>(MergeBlock<T> block, double[] state)
        {
            Span<double> changes = stackalloc double[_sources];
            for (int i = 0; i < block.Length; i++)
            {
                if (merge.Changes(block, i, changes))
                {
                    for (int s = 0; s < _sources; s++)
                    {
                        state[s] += changes[s] * changes[s];
                    }
                }
            }
        }

        public override void Combine(double[] into, double[] from)
        {
            for (int i = 0; i < into.Length; i++)
            {
                into[i] += from[i];
            }
        }
    }
}

/// <summary>Ranked by the variance of the changes across the sources.</summary>
internal sealed class VarianceKeys(int sources) : IRankedKeys
{
    public int Sources => sources;

    public static void Changes<T>(in MergeBlock<T> block, int i, Span<double> changes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double origin = double.CreateTruncating(block.Base[i]);
        for (int s = 0; s < changes.Length; s++)
        {
            changes[s] = double.CreateTruncating(block[s][i]) - origin;
        }
    }

    public static ulong Key(ReadOnlySpan<double> changes)
    {
        double mean = 0, variance = 0;
        bool equal = true;
        foreach (double change in changes)
        {
            mean += change;
            equal &= change == changes[0];
        }

        // Equal changes do not vary, whatever the rounding of their mean.
        if (equal)
        {
            return 0;
        }

        mean /= changes.Length;
        foreach (double change in changes)
        {
            variance += (change - mean) * (change - mean);
        }

        return Cut.KeyOf(variance / changes.Length);
    }

    public void Keys<T>(MergeBlock<T> block, int ranking, Span<ulong> keys)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Span<double> changes = stackalloc double[sources];
        for (int i = 0; i < keys.Length; i++)
        {
            Changes(block, i, changes);
            keys[i] = Key(changes);
        }
    }
}
