namespace LayerSwap.Diff;

/// <summary>Sums over several tensors, and the metrics computed from them.</summary>
internal sealed class DeltaTotal(int models)
{
    private readonly TensorDelta _all = new(models);
    private readonly TensorDelta _matrices = new(models);
    private long _matrixElements;

    public long Elements { get; private set; }

    public bool HasMatrices => _matrixElements > 0;

    public void Add(TensorInfo tensor, TensorDelta delta)
    {
        _all.Add(delta);
        Elements += tensor.ElementCount;
        if (tensor.Shape.Rank == 2)
        {
            _matrices.Add(delta);
            _matrixElements += tensor.ElementCount;
        }
    }

    public bool IsBaseFinite => double.IsFinite(_all.Base.AbsSum);

    /// <summary>Whether all elements of a model are finite.</summary>
    public bool IsFinite(int model) => IsFiniteIn(_all, model);

    public static bool IsFiniteIn(TensorDelta delta, int model)
    {
        // Squares of large float64 values overflow: if the base is finite, its deltas tell more reliably.
        DeltaSums sums = delta.Models[model];
        return double.IsFinite(double.IsFinite(delta.Base.AbsSum) ? sums.AbsDelta : sums.SquareFineTuned);
    }

    public double AbsoluteSum(int model) => _all.Models[model].AbsDelta;

    public bool HasChanged(int model) => _all.Models[model].Changed > 0;

    public double MeanAbsolute(int model) => Ratio(_all.Models[model].AbsDelta, Elements);

    public double MatrixMeanAbsolute(int model) => HasMatrices ? _matrices.Models[model].AbsDelta / _matrixElements : double.NaN;

    public double RelativeMeanAbsolute(int model) => Ratio(_all.Models[model].AbsDelta, _all.Base.AbsSum);

    public double L2(int model) => Math.Sqrt(_all.Models[model].SquareDelta);

    public double RelativeL2(int model) => Math.Sqrt(Ratio(_all.Models[model].SquareDelta, _all.Base.SquareSum));

    public double Cosine(int model) => CosineOf(_all.Models[model].Dot, _all.Base.SquareSum, _all.Models[model].SquareFineTuned);

    /// <summary>The cosine between base and model over two-dimensional weights only: norm weights are near 1 in every model.</summary>
    public double MatrixCosine(int model) =>
        CosineOf(_matrices.Models[model].Dot, _matrices.Base.SquareSum, _matrices.Models[model].SquareFineTuned);

    public double MaxAbsolute(int model) => _all.Models[model].MaxAbs;

    public double Changed(int model) => Ratio(_all.Models[model].Changed, Elements);

    /// <summary>Returns a metric that grows with the delta; for the cosine, 1 - cosine.</summary>
    public double Magnitude(DiffMetric metric, int model) => metric switch
    {
        DiffMetric.RelativeMeanAbsolute => RelativeMeanAbsolute(model),
        DiffMetric.L2 => L2(model),
        DiffMetric.RelativeL2 => RelativeL2(model),
        // The cosine of equal tensors is 1 only up to rounding.
        DiffMetric.Cosine => HasChanged(model) ? 1 - Cosine(model) : 0,
        DiffMetric.Changed => Changed(model),
        _ => MeanAbsolute(model),
    };

    public bool IsBaseZero => HasMatrices && _matrices.Base.SquareSum == 0;

    public bool IsZero(int model) => HasMatrices && _matrices.Models[model].SquareFineTuned == 0;

    public double PairCosine(int pair) => PairCosine(_all, pair);

    public double MatrixPairCosine(int pair) => PairCosine(_matrices, pair);

    public double SignConflict(int pair) => Ratio(_all.Pairs[pair].Conflicts, Elements);

    public double RowOverlap(int pair)
    {
        AgreementSums sums = _all.Pairs[pair];
        return sums.MostChangedRows == 0 ? double.NaN : (double)sums.SharedRows / sums.MostChangedRows;
    }

    /// <summary>Computes norm(W_a - W_b) / norm(W_base).</summary>
    public double RelativeDistance(int pair)
    {
        (int a, int b) = TensorDelta.EnumeratePairs(models).ElementAt(pair);
        double square = _all.Models[a].SquareDelta + _all.Models[b].SquareDelta - (2 * _all.Pairs[pair].Dot);
        return Math.Sqrt(Math.Max(0, Ratio(square, _all.Base.SquareSum)));
    }

    private double PairCosine(TensorDelta sums, int pair)
    {
        (int a, int b) = TensorDelta.EnumeratePairs(models).ElementAt(pair);
        return CosineOf(sums.Pairs[pair].Dot, sums.Models[a].SquareDelta, sums.Models[b].SquareDelta);
    }

    /// <summary>Divides, with 0 / 0 = 0: a zero tensor without a delta is unchanged.</summary>
    public static double Ratio(double part, double whole) => part == 0 && whole == 0 ? 0 : part / whole;

    private static double CosineOf(double dot, double squareA, double squareB) =>
        squareA == 0 || squareB == 0 ? double.NaN : Math.Clamp(dot / (Math.Sqrt(squareA) * Math.Sqrt(squareB)), -1, 1);
}
