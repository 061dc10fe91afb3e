using System.Globalization;
using System.Numerics;
using System.Numerics.Tensors;
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
            // Where nothing varies there is nothing to select from: the plain consensus.
            (_cut, energies) = RankSelector.SelectWithEnergies(passes, new VarianceKeys(sources), RankRequest.OfNonZero(0, share));
        }

        energies ??= passes.Reduce(new EnergyReduction(this, sources));
        double sum = energies.Sum();
        double mean = sum / Math.Max(passes.ElementCount, 1);
        bool even = Math.Abs(mean) < NearlyZero || !double.IsFinite(mean);
        _consensus = new ElectedConsensus([.. energies.Select(e => even ? 1.0 / sources : e / sum)], NearlyZero);
    }

    protected override void Compute<T>(in MergeBlock<T> block)
    {
        using Rented<double> changes = new(sources * block.Length);
        Select(block, changes.Span);
        ConsensusKernel.Onto(_consensus, block.Base, 1, new StoredChanges(changes.Span, block.Length), block.Output);
    }

    /// <summary>The changes, one source after another, those that are not selected set to zero.</summary>
    private void Select<T>(in MergeBlock<T> block, Span<double> changes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (_cut.Alike(block.Start, block.Length) < block.Length)
        {
            // The one block that the cut's own element lies in.
            using Rented<ulong> keys = new(block.Length);
            VarianceKernel.Keys(block.Base, block.Rows, changes, keys.Span);
            MaskKernel.Within(keys.Span, block.Start, _cut.Key, _cut.Index, changes);
        }
        else if (_cut.LowestWithin(block.Start) is { } lowest)
        {
            VarianceKernel.Selected(block.Base, block.Rows, lowest, changes);
        }
        else
        {
            changes.Clear();
        }
    }

    /// <summary>The sum of squares of what is selected of each change.</summary>
    private sealed class EnergyReduction(SceMerge merge, int sources) : TensorReduction<double[]>
    {
        public override double[] Create() => new double[sources];

        public override void Observe<T>(MergeBlock<T> block, double[] state)
        {
            using Rented<double> changes = new(sources * block.Length);
            merge.Select(block, changes.Span);
            for (int i = 0; i < sources; i++)
            {
                state[i] += SumKernel.Squares(changes.Span.Slice(i * block.Length, block.Length));
            }
        }

        public override void Combine(double[] into, double[] from) => TensorPrimitives.Add(into, from, into);
    }
}

/// <summary>Ranked by the variance of the changes across the sources; beside the keys are these changes.</summary>
internal sealed class VarianceKeys(int sources) : IRankedKeys
{
    public int Rows => sources;

    public void Keys<T>(MergeBlock<T> block, int ranking, Span<ulong> keys)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using Rented<double> changes = new(sources * block.Length);
        Keys(block, ranking, keys, changes.Span);
    }

    public void Keys<T>(MergeBlock<T> block, int ranking, Span<ulong> keys, Span<double> rows)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => VarianceKernel.Keys(block.Base, block.Rows, rows, keys);
}
