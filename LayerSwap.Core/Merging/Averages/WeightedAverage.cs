using System.Globalization;

namespace LayerSwap.Merging;

/// <summary><c>sum w_i x_i</c>, divided by <c>sum w_i</c> if normalised. The base is not read.</summary>
internal sealed class WeightedAverage : GenericOperation
{
    private readonly double[] _weights;
    private readonly double[] _shares;
    private readonly double _divisor;
    private readonly bool _normalized;

    private WeightedAverage(double[] weights, double divisor, bool normalized)
    {
        _weights = weights;
        _divisor = divisor;
        _normalized = normalized;
        _shares = [.. weights.Select(w => w / divisor)];
    }

    public override bool ReadsBase => false;

    public override AgreementRule Agreement => _normalized ? AgreementRule.Sources : AgreementRule.None;

    public override string Detail =>
        "weights " + string.Join(", ", _shares.Select(s => s.ToString("0.####", CultureInfo.InvariantCulture)));

    /// <exception cref="MergeException">A weight is not finite, or the weights sum to zero and are to be normalised.</exception>
    public static WeightedAverage Of(string strategy, double[] weights, bool normalize)
    {
        double sum = weights.Sum();
        if (weights.All(double.IsFinite) && (!normalize || Math.Abs(sum) > 1e-12))
        {
            return new WeightedAverage(weights, normalize ? sum : 1, normalize);
        }

        string list = string.Join(", ", weights.Select(w => w.ToString(CultureInfo.InvariantCulture)));
        throw new MergeException($"{strategy}: the weights {list} sum to {sum.ToString(CultureInfo.InvariantCulture)}; "
            + "a sum other than zero is needed to divide by. Remedy: change the weights, or do not normalise.");
    }

    /// <summary>Computes a block for an operation that found its weights by a pass.</summary>
    public void ComputeBlock<T>(in OperandBlock<T> block)
        where T : unmanaged => Compute(block);

    protected override void Compute<T>(in OperandBlock<T> block)
    {
        if (typeof(T) == typeof(double))
        {
            LinearKernel.Quotient(_weights, _divisor, block.As<double>());
        }
        else
        {
            LinearKernel.Sum(_weights, 1 / _divisor, block);
        }
    }
}
