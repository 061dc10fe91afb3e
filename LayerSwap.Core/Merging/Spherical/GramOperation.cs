using System.Globalization;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>
/// An operation whose result is in the span of its operands: one pass for dot products, coefficients from those, and a linear combination.
/// Used by slerp, nuslerp, multislerp, karcher and model_stock.
/// </summary>
/// <param name="groups">The elements that form a vector.</param>
/// <param name="vectors">The number of vectors.</param>
/// <param name="fromBase">Whether the vectors are deltas, which are added to the base; otherwise a base that is read is the first
/// vector.</param>
/// <param name="readsBase">Whether the base is read at all.</param>
/// <param name="coefficients">Computes one coefficient for each vector from their dot products.</param>
/// <param name="detail">The text in plans.</param>
internal sealed class GramOperation(
    GramGroups groups, int vectors, bool fromBase, bool readsBase, Func<GramMatrix, double[]> coefficients, string detail)
    : GenericOperation
{
    private const double NearlyZero = 1e-12;

    private double[] _coefficients = [];

    public override bool ReadsBase => readsBase;

    /// <summary>
    /// Gets the rule. Sums of deltas keep equal elements; an arc does only if its coefficients sum to 1, as between identical tensors.
    /// </summary>
    public override AgreementRule Agreement => fromBase ? AgreementRule.All
        : _coefficients.Length != vectors || Math.Abs(_coefficients.Sum() - 1) > NearlyZero ? AgreementRule.None
        : readsBase ? AgreementRule.All : AgreementRule.Sources;

    public override string Detail
    {
        get
        {
            if (_coefficients.Length != vectors)
            {
                return detail;
            }

            string list = string.Join(", ", _coefficients.Select(c => c.ToString("0.####", CultureInfo.InvariantCulture)));
            return $"{detail}{(detail.Length > 0 ? ", " : string.Empty)}coefficients {list}";
        }
    }

    public override void Prepare(TensorPasses passes)
    {
        if (passes.ElementCount == 0)
        {
            return;
        }

        GramSums sums = passes.Reduce(new GramReduction(groups, vectors, fromBase));
        int size = GramMatrix.SizeOf(vectors);
        long count = groups.Columns ? groups.Length : (passes.ElementCount + groups.Length - 1) / groups.Length;
        double[] all = new double[checked(count * vectors)];
        for (int g = 0; g < count; g++)
        {
            coefficients(new GramMatrix(sums.Sums, checked(g * size), vectors)).CopyTo(all, g * vectors);
        }

        _coefficients = all;
    }

    protected override void Compute<T>(in OperandBlock<T> block)
    {
        for (int done = 0; done < block.Length;)
        {
            (long group, long stretch) = groups.At(block.Start + done);
            int count = (int)Math.Min(stretch, block.Length - done);
            if (groups.Columns)
            {
                Columns(block, done, count, (int)group);
            }
            else if (count == block.Length)
            {
                Row(block, CoefficientsOf(group));
            }
            else
            {
                RowPart(block, done, count, CoefficientsOf(group));
            }

            done += count;
        }
    }

    private ReadOnlySpan<double> CoefficientsOf(long group) => _coefficients.AsSpan(checked((int)(group * vectors)), vectors);

    /// <summary>The common case: the whole block has one set of coefficients.</summary>
    private void Row<T>(in OperandBlock<T> block, ReadOnlySpan<double> c)
        where T : unmanaged
    {
        if (fromBase)
        {
            LinearKernel.AddDeltas(c, 1, block);
        }
        else if (block.Base.IsEmpty)
        {
            LinearKernel.Sum(c, 1, block);
        }
        else
        {
            LinearKernel.SumWithBase(c, block);
        }
    }

    private void RowPart<T>(in OperandBlock<T> block, int start, int count, ReadOnlySpan<double> c)
        where T : unmanaged
    {
        for (int i = start; i < start + count; i++)
        {
            block.Output[i] = Element(block, i, c);
        }
    }

    private void Columns<T>(in OperandBlock<T> block, int start, int count, int column)
        where T : unmanaged
    {
        for (int i = 0; i < count; i++)
        {
            block.Output[start + i] = Element(block, start + i, CoefficientsOf(column + i));
        }
    }

    private T Element<T>(in OperandBlock<T> block, int i, ReadOnlySpan<double> c)
        where T : unmanaged
    {
        double @base = block.Base.IsEmpty ? 0 : VectorWidening.Load1(block.Base[i]);
        bool baseIsVector = !fromBase && !block.Base.IsEmpty;
        // Adding to -0 keeps the sign of a zero term, as in the vector code.
        double sum = baseIsVector ? c[0] * @base : -0.0;
        for (int k = baseIsVector ? 1 : 0; k < vectors; k++)
        {
            double x = VectorWidening.Load1(block[baseIsVector ? k - 1 : k][i]);
            sum += c[k] * (fromBase ? x - @base : x);
        }

        return VectorWidening.Round<T>(fromBase ? @base + sum : sum);
    }
}
