using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Select, calculate, erase (Wan et al., arXiv:2408.07990): positions where the models disagree most, weights from the energy of what is kept, minority signs erased.</summary>
internal sealed class SceStrategy(Schedule selectTopk) : IMergeStrategy, IRecipeForm
{
    public string Name => "sce";

    public IEnumerable<(string Name, object Value)> Parameters => [("select_topk", selectTopk)];

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
            // Where nothing varies there is nothing to select from: the plain consensus.
            _cut = RankSelector.Select(passes, _keys, RankRequest.OfNonZero(0, share))[0];
        }

        double[] energies = passes.Reduce(new EnergyReduction(this));
        double sum = energies.Sum();
        double mean = sum / Math.Max(passes.ElementCount, 1);
        _weights = Math.Abs(mean) < NearlyZero || !double.IsFinite(mean) ? [.. energies.Select(_ => 1.0 / sources)] : [.. energies.Select(e => e / sum)];
    }

    protected override void Compute<T>(in MergeBlock<T> block)
    {
        double[] rented = System.Buffers.ArrayPool<double>.Shared.Rent(Math.Max(1, (sources + 1) * block.Length));
        Span<double> changes = rented.AsSpan(0, sources * block.Length), merged = rented.AsSpan(sources * block.Length, block.Length);
        Select(block, changes, merged);
        ConsensusKernel.Elected(_weights, NearlyZero, changes, merged);
        ConsensusKernel.Add(block.Base, 1, merged, block.Output);
        System.Buffers.ArrayPool<double>.Shared.Return(rented);
    }

    /// <summary>The changes, those that are not selected set to zero.</summary>
    private void Select<T>(in MergeBlock<T> block, Span<double> changes, Span<double> variances)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        VarianceKeys.Changes(block, changes);
        if (_cut == Cut.All)
        {
            return;
        }

        KeyKernel.Variances(changes, sources, variances);
        MaskKernel.Within(MemoryMarshal.Cast<double, ulong>(variances), block.Start, _cut.Key, _cut.Index, changes);
    }

    /// <summary>The sum of squares of what is selected of each change.</summary>
    private sealed class EnergyReduction(SceMerge merge) : TensorReduction<double[]>
    {
        private readonly int _sources = merge._keys.Sources;

        public override double[] Create() => new double[_sources];

        public override void Observe<T>(MergeBlock<T> block, double[] state)
        {
            double[] rented = System.Buffers.ArrayPool<double>.Shared.Rent(Math.Max(1, (_sources + 1) * block.Length));
            Span<double> changes = rented.AsSpan(0, _sources * block.Length);
            merge.Select(block, changes, rented.AsSpan(changes.Length, block.Length));
            for (int i = 0; i < _sources; i++)
            {
                state[i] += SumKernel.Squares(changes.Slice(i * block.Length, block.Length));
            }

            System.Buffers.ArrayPool<double>.Shared.Return(rented);
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

    /// <summary>The changes of a block, one source after another.</summary>
    public static void Changes<T>(in MergeBlock<T> block, Span<double> changes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int s = 0; s < block.SourceCount; s++)
        {
            KeyKernel.Subtract(block.Base, block[s], changes.Slice(s * block.Length, block.Length));
        }
    }

    public void Keys<T>(MergeBlock<T> block, int ranking, Span<ulong> keys)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] rented = System.Buffers.ArrayPool<double>.Shared.Rent(Math.Max(1, sources * block.Length));
        Span<double> changes = rented.AsSpan(0, sources * block.Length), variances = MemoryMarshal.Cast<ulong, double>(keys);
        Changes(block, changes);
        KeyKernel.Variances(changes, sources, variances);
        // The key of a NaN is that of its magnitude.
        KeyKernel.Magnitudes(variances);
        System.Buffers.ArrayPool<double>.Shared.Return(rented);
    }
}
