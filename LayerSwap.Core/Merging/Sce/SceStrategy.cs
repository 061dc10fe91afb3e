using System.Globalization;
using System.Numerics.Tensors;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Select, calculate, erase (Wan et al., arXiv:2408.07990): positions where the models disagree most, weights from the energy of what is kept, minority signs erased.</summary>
internal sealed class SceStrategy(Schedule selectTopk) : IMergeStrategy, IRecipeForm
{
    public string Name => "sce";

    public string Settings => ToString();

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

/// <summary>The merge: a cut by variance and the energies of what it keeps, which the pass that finds the cut tells where it can.</summary>
internal sealed class SceMerge(int sources, double share) : PreciseMerge
{
    private const double NearlyZero = 1e-6;

    private Cut _cut = Cut.All;
    private ElectedConsensus _consensus;

    public override AgreementRule Agreement => AgreementRule.All;

    public override string Detail => $"select_topk {share.ToString(CultureInfo.InvariantCulture)}";

    public override void Prepare(TensorPasses passes)
    {
        double[]? energies = null;
        if (share < 1)
        {
            // Where nothing varies nothing is selected, and the base stays, as in mergekit 0.1.5.
            (_cut, energies) = RankSelector.SelectWithEnergies(passes, new VarianceKeys(sources), RankRequest.OfNonZero(0, share));
        }

        energies ??= passes.Reduce(new EnergyReduction(this, sources));
        double sum = energies.Sum();
        double mean = sum / Math.Max(passes.ElementCount, 1);
        bool even = Math.Abs(mean) < NearlyZero || !double.IsFinite(mean);
        _consensus = new ElectedConsensus([.. energies.Select(e => even ? 1.0 / sources : e / sum)], NearlyZero);
    }

    protected override void Compute<T>(in Aligned<T> block, Span<T> output)
    {
        using Rented<ulong> bits = new(Bits.Words(block.Length));
        ConsensusKernel.Onto(_consensus, block.Base, Selected(block, bits.Span), output);
    }

    /// <summary>The changes that are selected.</summary>
    private KeptChanges<T> Selected<T>(in Aligned<T> block, Span<ulong> bits)
        where T : unmanaged
    {
        if (_cut.Alike(block.Start, block.Length) < block.Length)
        {
            // The one block that the cut's own element lies in.
            bits.Clear();
            for (int i = 0; i < block.Length; i++)
            {
                bits[i / 64] |= (_cut.Includes(VarianceKernel.KeyOf(block.Base, block.Sources, i), block.Start + i) ? 1UL : 0) << i;
            }
        }
        else if (_cut == Cut.All)
        {
            bits.Fill(ulong.MaxValue);
        }
        else if (_cut.LowestWithin(block.Start) is { } lowest)
        {
            VarianceKernel.Selected(block.Base, block.Sources, lowest, bits);
        }
        else
        {
            bits.Clear();
        }

        return new KeptChanges<T>(block.Base, block.Sources, bits);
    }

    /// <summary>The sum of squares of what is selected of each change. BF16 is widened: what is kept of it as it lies must be finite.</summary>
    private sealed class EnergyReduction(SceMerge merge, int sources) : TensorReduction<double[]>
    {
        public override double[] Create() => new double[sources];

        public override void Observe<T>(MergeBlock<T> block, double[] state)
        {
            using Rented<ulong> bits = new(Bits.Words(block.Length));
            KeptChanges<T> changes = merge.Selected(block.Operands, bits.Span);
            for (int i = 0; i < sources; i++)
            {
                state[i] += SumKernel.Squares(block.Base, changes, i);
            }
        }

        public override void Combine(double[] into, double[] from) => TensorPrimitives.Add(into, from, into);
    }
}
