using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSwap.Numerics;

namespace LayerSwap.Diff;

/// <summary>Sums over the elements of a base tensor, in float64.</summary>
internal sealed class BaseSums
{
    public double AbsSum { get; set; }

    public double SquareSum { get; set; }

    public void Add(BaseSums other)
    {
        AbsSum += other.AbsSum;
        SquareSum += other.SquareSum;
    }

    public void Clear() => (AbsSum, SquareSum) = (0, 0);
}

/// <summary>Sums over the elements of a tensor in the base and in a fine-tuned model, in float64; delta = fine-tuned - base.</summary>
internal sealed class DeltaSums
{
    public double AbsDelta { get; set; }

    public double SquareDelta { get; set; }

    public double SquareFineTuned { get; set; }

    public double Dot { get; set; }

    /// <summary>The largest absolute delta, or NaN. Kernels may drop NaN from the maximum, but not from <see cref="AbsDelta"/>.</summary>
    public double MaxAbs { get => double.IsNaN(AbsDelta) ? double.NaN : field; set; }

    /// <summary>The number of elements whose bits differ.</summary>
    public long Changed { get; set; }

    public void Add(DeltaSums other)
    {
        AbsDelta += other.AbsDelta;
        SquareDelta += other.SquareDelta;
        SquareFineTuned += other.SquareFineTuned;
        Dot += other.Dot;
        MaxAbs = Math.Max(MaxAbs, other.MaxAbs);
        Changed += other.Changed;
    }

    public void Clear() => (AbsDelta, SquareDelta, SquareFineTuned, Dot, MaxAbs, Changed) = (0, 0, 0, 0, 0, 0);
}

/// <summary>Sums over the deltas of two models from one base.</summary>
internal sealed class AgreementSums
{
    public double Dot { get; set; }

    /// <summary>The number of elements whose two deltas have opposite signs.</summary>
    public long Conflicts { get; set; }

    /// <summary>The number of rows that are among the most changed of both models.</summary>
    public long SharedRows { get; set; }

    /// <summary>The largest possible value of <see cref="SharedRows"/>.</summary>
    public long MostChangedRows { get; set; }

    public void Add(AgreementSums other)
    {
        Dot += other.Dot;
        Conflicts += other.Conflicts;
        SharedRows += other.SharedRows;
        MostChangedRows += other.MostChangedRows;
    }

    public void Clear() => (Dot, Conflicts, SharedRows, MostChangedRows) = (0, 0, 0, 0);
}

/// <summary>
/// Computes the sums of one block. Vectors have eight float64 lanes on every machine, so sums are the same on every machine.
/// Products of two widened float32 values are exact in float64, so fusing them with the addition changes no result. Squares of deltas
/// are always fused.
/// </summary>
internal static class DeltaKernel
{
    private const int ElementsPerStep = 16;

    /// <summary>Adds the sums of the base.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ObserveBase<T>(ReadOnlySpan<T> @base, BaseSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = 0;
        if (typeof(T) == typeof(float))
        {
            done = BaseVectors(MemoryMarshal.Cast<T, float>(@base), out BaseLanes lanes);
            lanes.AddTo(into);
        }

        ObserveBaseScalar(@base[done..], into);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ObserveBaseScalar<T>(ReadOnlySpan<T> @base, BaseSums into)
        where T : unmanaged
    {
        double abs = 0, square = 0;
        foreach (T element in @base)
        {
            double x = VectorWidening.Load1(element);
            abs += Math.Abs(x);
            square += x * x;
        }

        into.AbsSum += abs;
        into.SquareSum += square;
    }

    /// <summary>Adds the sums of one model and the base.</summary>
    /// <param name="base">The base's elements.</param>
    /// <param name="fineTuned">The model's elements, of the same length.</param>
    /// <param name="columns">Sums of absolute deltas by element, of the same length; or empty.</param>
    /// <param name="into">The sums to add to.</param>
    /// <returns>The sum of the absolute deltas of this block.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double ObserveModel<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> fineTuned, Span<double> columns, DeltaSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = 0;
        double sum = 0;
        if (typeof(T) == typeof(float))
        {
            ReadOnlySpan<float> base32 = MemoryMarshal.Cast<T, float>(@base), fineTuned32 = MemoryMarshal.Cast<T, float>(fineTuned);
            done = DeltaVectors(base32, fineTuned32, columns, out DeltaLanes lanes);
            sum = lanes.AddTo(into, done);
        }

        return sum + ObserveModelScalar(@base[done..], fineTuned[done..], columns.IsEmpty ? columns : columns[done..], into);
    }

    /// <summary>Defines the sums of one model, element by element in float64. The maximum ignores NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double ObserveModelScalar<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> fineTuned, Span<double> columns, DeltaSums into)
        where T : unmanaged
    {
        double abs = 0, squareDelta = 0, squareFineTuned = 0, dot = 0, max = 0;
        int changed = 0;
        for (int i = 0; i < @base.Length; i++)
        {
            double x = VectorWidening.Load1(@base[i]), y = VectorWidening.Load1(fineTuned[i]);
            double d = Math.Abs(y - x);
            abs += d;
            squareDelta += d * d;
            squareFineTuned += y * y;
            dot += x * y;
            max = d > max ? d : max;
            changed += SameBits(@base[i], fineTuned[i]) ? 0 : 1;
            if (!columns.IsEmpty)
            {
                columns[i] += d;
            }
        }

        into.AbsDelta += abs;
        into.SquareDelta += squareDelta;
        into.SquareFineTuned += squareFineTuned;
        into.Dot += dot;
        into.MaxAbs = Math.Max(into.MaxAbs, max);
        into.Changed += changed;
        return abs;
    }

    /// <summary>Adds how the deltas of two models agree.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ObservePair<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> a, ReadOnlySpan<T> b, AgreementSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = 0;
        if (typeof(T) == typeof(float))
        {
            ReadOnlySpan<float> a32 = MemoryMarshal.Cast<T, float>(a), b32 = MemoryMarshal.Cast<T, float>(b);
            done = PairVectors(MemoryMarshal.Cast<T, float>(@base), a32, b32, out AgreementLanes lanes);
            lanes.AddTo(into);
        }

        ObservePairScalar(@base[done..], a[done..], b[done..], into);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ObservePairScalar<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> a, ReadOnlySpan<T> b, AgreementSums into)
        where T : unmanaged
    {
        double dot = 0;
        long conflicts = 0;
        for (int i = 0; i < @base.Length; i++)
        {
            double x = VectorWidening.Load1(@base[i]);
            double p = VectorWidening.Load1(a[i]) - x, q = VectorWidening.Load1(b[i]) - x;
            dot += p * q;
            conflicts += (p > 0 && q < 0) || (p < 0 && q > 0) ? 1 : 0;
        }

        into.Dot += dot;
        into.Conflicts += conflicts;
    }

    /// <summary>Adds all sums of the base and two models in one pass, bit-identical to the methods above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ObserveTwo<T>(
        ReadOnlySpan<T> @base,
        ReadOnlySpan<T> a,
        ReadOnlySpan<T> b,
        BaseSums ofBase,
        DeltaSums ofA,
        DeltaSums ofB,
        AgreementSums ofBoth)
        where T : unmanaged
    {
        int done = 0;
        if (typeof(T) != typeof(double))
        {
            done = TwoVectors(@base, a, b, out BaseLanes baseLanes, out DeltaLanes lanesA, out DeltaLanes lanesB, out AgreementLanes both);
            baseLanes.AddTo(ofBase);
            lanesA.AddTo(ofA, done);
            lanesB.AddTo(ofB, done);
            both.AddTo(ofBoth);
        }

        ObserveBaseScalar(@base[done..], ofBase);
        ObserveModelScalar(@base[done..], a[done..], [], ofA);
        ObserveModelScalar(@base[done..], b[done..], [], ofB);
        ObservePairScalar(@base[done..], a[done..], b[done..], ofBoth);
    }

    private static bool SameBits<T>(T a, T b)
        where T : unmanaged =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in a)).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in b)));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int BaseVectors(ReadOnlySpan<float> @base, out BaseLanes into)
    {
        BaseLanes lanes = default;
        ref float x = ref MemoryMarshal.GetReference(@base);
        int i = 0;
        for (; i <= @base.Length - ElementsPerStep; i += ElementsPerStep)
        {
            lanes.Add(VectorWidening.Load16(ref x, i));
        }

        into = lanes;
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int DeltaVectors(ReadOnlySpan<float> @base, ReadOnlySpan<float> fineTuned, Span<double> columns, out DeltaLanes into)
    {
        DeltaLanes lanes = default;
        ref float x = ref MemoryMarshal.GetReference(@base);
        ref float y = ref MemoryMarshal.GetReference(fineTuned[..@base.Length]);
        Span<Vector512<double>> column = MemoryMarshal.Cast<double, Vector512<double>>(columns);
        int i = 0;
        for (; i <= @base.Length - ElementsPerStep; i += ElementsPerStep)
        {
            (Vector512<double> lower, Vector512<double> upper) = lanes.Add(
                ref Unsafe.Add(ref x, i),
                VectorWidening.Load16(ref x, i),
                ref Unsafe.Add(ref y, i));
            if (!column.IsEmpty)
            {
                int at = i / Vector512<double>.Count;
                column[at] += Vector512.Abs(lower);
                column[at + 1] += Vector512.Abs(upper);
            }
        }

        into = lanes;
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int PairVectors(ReadOnlySpan<float> @base, ReadOnlySpan<float> a, ReadOnlySpan<float> b, out AgreementLanes into)
    {
        AgreementLanes lanes = default;
        ref float x = ref MemoryMarshal.GetReference(@base);
        ref float p = ref MemoryMarshal.GetReference(a[..@base.Length]);
        ref float q = ref MemoryMarshal.GetReference(b[..@base.Length]);
        int i = 0;
        for (; i <= @base.Length - ElementsPerStep; i += ElementsPerStep)
        {
            (Vector512<double> Lower, Vector512<double> Upper) wide = VectorWidening.Load16(ref x, i);
            (Vector512<double> Lower, Vector512<double> Upper) first = VectorWidening.Load16(ref p, i);
            (Vector512<double> Lower, Vector512<double> Upper) second = VectorWidening.Load16(ref q, i);
            lanes.Add((first.Lower - wide.Lower, first.Upper - wide.Upper), (second.Lower - wide.Lower, second.Upper - wide.Upper));
        }

        into = lanes;
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int TwoVectors<T>(
        ReadOnlySpan<T> @base,
        ReadOnlySpan<T> a,
        ReadOnlySpan<T> b,
        out BaseLanes ofBase,
        out DeltaLanes ofA,
        out DeltaLanes ofB,
        out AgreementLanes ofBoth)
        where T : unmanaged
    {
        BaseLanes baseLanes = default;
        DeltaLanes lanesA = default, lanesB = default;
        AgreementLanes both = default;
        ref T x = ref MemoryMarshal.GetReference(@base);
        ref T p = ref MemoryMarshal.GetReference(a[..@base.Length]);
        ref T q = ref MemoryMarshal.GetReference(b[..@base.Length]);
        int i = 0;
        for (; i <= @base.Length - ElementsPerStep; i += ElementsPerStep)
        {
            (Vector512<double>, Vector512<double>) wide = VectorWidening.Load16(ref x, i);
            baseLanes.Add(wide);
            both.Add(
                lanesA.Add(ref Unsafe.Add(ref x, i), wide, ref Unsafe.Add(ref p, i)),
                lanesB.Add(ref Unsafe.Add(ref x, i), wide, ref Unsafe.Add(ref q, i)));
        }

        (ofBase, ofA, ofB, ofBoth) = (baseLanes, lanesA, lanesB, both);
        return i;
    }

    // Loops return their lane sums instead of adding them up: a call after the loop would keep the lanes out of registers.
    private struct BaseLanes
    {
        private Vector512<double> _abs, _square;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add((Vector512<double> Lower, Vector512<double> Upper) x)
        {
            _abs += Vector512.Abs(x.Lower) + Vector512.Abs(x.Upper);
            _square = Vector512.MultiplyAddEstimate(x.Upper, x.Upper, Vector512.MultiplyAddEstimate(x.Lower, x.Lower, _square));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void AddTo(BaseSums sums)
        {
            sums.AbsSum += Vector512.Sum(_abs);
            sums.SquareSum += Vector512.Sum(_square);
        }
    }

    private struct DeltaLanes
    {
        private Vector512<double> _abs, _squareDelta, _squareFineTuned, _dot, _max;
        private int _same;

        /// <returns>The deltas.</returns>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public (Vector512<double> Lower, Vector512<double> Upper) Add<T>(
            ref T x,
            (Vector512<double> Lower, Vector512<double> Upper) wide,
            ref T y)
            where T : unmanaged
        {
            _same += CountEqual(ref x, ref y);
            (Vector512<double> y0, Vector512<double> y1) = VectorWidening.Load16(ref y, 0);
            Vector512<double> d0 = y0 - wide.Lower, d1 = y1 - wide.Upper;
            Vector512<double> abs0 = Vector512.Abs(d0), abs1 = Vector512.Abs(d1);
            _max = Vector512.MaxNative(_max, Vector512.MaxNative(abs0, abs1));
            _abs += abs0 + abs1;
            _squareDelta = Vector512.FusedMultiplyAdd(d1, d1, Vector512.FusedMultiplyAdd(d0, d0, _squareDelta));
            _squareFineTuned = Vector512.MultiplyAddEstimate(y1, y1, Vector512.MultiplyAddEstimate(y0, y0, _squareFineTuned));
            _dot = Vector512.MultiplyAddEstimate(wide.Upper, y1, Vector512.MultiplyAddEstimate(wide.Lower, y0, _dot));
            return (d0, d1);
        }

        /// <returns>The sum of the absolute deltas.</returns>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly double AddTo(DeltaSums sums, int count)
        {
            double sum = Vector512.Sum(_abs);
            sums.AbsDelta += sum;
            sums.SquareDelta += Vector512.Sum(_squareDelta);
            sums.SquareFineTuned += Vector512.Sum(_squareFineTuned);
            sums.Dot += Vector512.Sum(_dot);
            sums.Changed += count - _same;
            for (int lane = 0; lane < Vector512<double>.Count; lane++)
            {
                sums.MaxAbs = _max[lane] > sums.MaxAbs ? _max[lane] : sums.MaxAbs;
            }

            return sum;
        }

        /// <summary>Counts the elements with equal bits in one step.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static int CountEqual<T>(ref T x, ref T y)
            where T : unmanaged
        {
            if (typeof(T) == typeof(BFloat16))
            {
                Vector256<ushort> x16 = Vector256.LoadUnsafe(ref Unsafe.As<T, ushort>(ref x));
                Vector256<ushort> y16 = Vector256.LoadUnsafe(ref Unsafe.As<T, ushort>(ref y));
                return BitOperations.PopCount(Vector256.Equals(x16, y16).ExtractMostSignificantBits());
            }

            Vector512<int> x32 = Vector512.LoadUnsafe(ref Unsafe.As<T, int>(ref x));
            Vector512<int> y32 = Vector512.LoadUnsafe(ref Unsafe.As<T, int>(ref y));
            return BitOperations.PopCount(Vector512.Equals(x32, y32).ExtractMostSignificantBits());
        }
    }

    private struct AgreementLanes
    {
        private Vector512<double> _dot;
        private int _conflicts;

        /// <summary>Adds deltas. Products of differences of float32 values do not underflow in float64, so their sign is exact.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add((Vector512<double> Lower, Vector512<double> Upper) a, (Vector512<double> Lower, Vector512<double> Upper) b)
        {
            Vector512<double> lower = a.Lower * b.Lower, upper = a.Upper * b.Upper;
            _dot += lower;
            _dot += upper;
            _conflicts += BitOperations.PopCount(Vector512.LessThan(lower, default).ExtractMostSignificantBits());
            _conflicts += BitOperations.PopCount(Vector512.LessThan(upper, default).ExtractMostSignificantBits());
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void AddTo(AgreementSums sums)
        {
            sums.Dot += Vector512.Sum(_dot);
            sums.Conflicts += _conflicts;
        }
    }
}
