using LayerSwap.Numerics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSwap.Streaming;

namespace LayerSwap.Diff;

/// <summary>Sums over the elements of a base's tensor. All sums are doubles.</summary>
internal sealed class BaseSums
{
    public double Abs { get; set; }

    public double Square { get; set; }

    public void Add(BaseSums other)
    {
        Abs += other.Abs;
        Square += other.Square;
    }

    public void Clear() => (Abs, Square) = (0, 0);
}

/// <summary>Sums over the elements of a tensor in a base and in a model fine-tuned from it. All sums are doubles.</summary>
internal sealed class DeltaSums
{
    public double AbsChange { get; set; }

    public double SquareChange { get; set; }

    public double SquareTuned { get; set; }

    public double Dot { get; set; }

    /// <summary>The kernels may lose a change that is not a number, the sum does not.</summary>
    public double MaxAbs { get => double.IsNaN(AbsChange) ? double.NaN : field; set; }

    public long Changed { get; set; }

    public void Add(DeltaSums other)
    {
        AbsChange += other.AbsChange;
        SquareChange += other.SquareChange;
        SquareTuned += other.SquareTuned;
        Dot += other.Dot;
        MaxAbs = Math.Max(MaxAbs, other.MaxAbs);
        Changed += other.Changed;
    }

    public void Clear() => (AbsChange, SquareChange, SquareTuned, Dot, MaxAbs, Changed) = (0, 0, 0, 0, 0, 0);
}

/// <summary>Sums over the changes of two models from one base.</summary>
internal sealed class AgreementSums
{
    public double Dot { get; set; }

    /// <summary>Elements that both moved, in opposite directions.</summary>
    public long Conflicts { get; set; }

    /// <summary>Rows that are among the most changed of both, and how many could be.</summary>
    public long SharedRows { get; set; }

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
/// The sums of one block. Lanes are eight doubles wide on every machine, so that sums are the same on every machine; products of two widened floats are exact in doubles, so fusing
/// them with the addition changes nothing, and squares of changes are always fused.
/// </summary>
internal static class DeltaKernel
{
    /// <summary>Elements looked at in a turn.</summary>
    private const int Together = 16;

    /// <summary>The base alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ObserveOrigin<T>(ReadOnlySpan<T> origin, BaseSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = 0;
        if (typeof(T) == typeof(float))
        {
            done = OriginVectors(MemoryMarshal.Cast<T, float>(origin), out OriginLanes lanes);
            lanes.AddTo(into);
        }

        OriginScalar(origin[done..], into);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void OriginScalar<T>(ReadOnlySpan<T> origin, BaseSums into)
        where T : unmanaged
    {
        double abs = 0, square = 0;
        foreach (T element in origin)
        {
            double x = VectorWidening.Load1(element);
            abs += Math.Abs(x);
            square += x * x;
        }

        into.Abs += abs;
        into.Square += square;
    }

    /// <summary>One model beside the base.</summary>
    /// <param name="origin">The base's elements.</param>
    /// <param name="tuned">The model's, as many.</param>
    /// <param name="columns">Empty, or as many sums, to each of which the absolute change of its element is added.</param>
    /// <param name="into">Added to.</param>
    /// <returns>The sum of the absolute changes.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Observe<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<double> columns, DeltaSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = 0;
        double sum = 0;
        if (typeof(T) == typeof(float))
        {
            done = Vectors(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(tuned), columns, out ChangeLanes lanes);
            sum = lanes.AddTo(into, done);
        }

        return sum + Scalar(origin[done..], tuned[done..], columns.IsEmpty ? columns : columns[done..], into);
    }

    /// <summary>The scalar definition: everything in doubles. The greatest change is of those that are numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Scalar<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<double> columns, DeltaSums into)
        where T : unmanaged
    {
        double abs = 0, change = 0, square = 0, dot = 0, max = 0;
        int changed = 0;
        for (int i = 0; i < origin.Length; i++)
        {
            double x = VectorWidening.Load1(origin[i]), y = VectorWidening.Load1(tuned[i]), d = Math.Abs(y - x);
            abs += d;
            change += d * d;
            square += y * y;
            dot += x * y;
            max = d > max ? d : max;
            changed += SameBits(origin[i], tuned[i]) ? 0 : 1;
            if (!columns.IsEmpty)
            {
                columns[i] += d;
            }
        }

        into.AbsChange += abs;
        into.SquareChange += change;
        into.SquareTuned += square;
        into.Dot += dot;
        into.MaxAbs = Math.Max(into.MaxAbs, max);
        into.Changed += changed;
        return abs;
    }

    /// <summary>Two models beside the base.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ObservePair<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> a, ReadOnlySpan<T> b, AgreementSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = 0;
        if (typeof(T) == typeof(float))
        {
            done = PairVectors(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(a), MemoryMarshal.Cast<T, float>(b), out AgreementLanes lanes);
            lanes.AddTo(into);
        }

        PairScalar(origin[done..], a[done..], b[done..], into);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PairScalar<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> a, ReadOnlySpan<T> b, AgreementSums into)
        where T : unmanaged
    {
        double dot = 0;
        long conflicts = 0;
        for (int i = 0; i < origin.Length; i++)
        {
            double x = VectorWidening.Load1(origin[i]), p = VectorWidening.Load1(a[i]) - x, q = VectorWidening.Load1(b[i]) - x;
            dot += p * q;
            conflicts += (p > 0 && q < 0) || (p < 0 && q > 0) ? 1 : 0;
        }

        into.Dot += dot;
        into.Conflicts += conflicts;
    }

    /// <summary>The base and two models, as most comparisons have: all of the above at once, to the same bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ObserveTwo<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> a, ReadOnlySpan<T> b, BaseSums ofOrigin, DeltaSums ofA, DeltaSums ofB, AgreementSums ofBoth)
        where T : unmanaged
    {
        int done = 0;
        if (typeof(T) != typeof(double))
        {
            done = TwoVectors(origin, a, b, out OriginLanes own, out ChangeLanes lanesA, out ChangeLanes lanesB, out AgreementLanes both);
            own.AddTo(ofOrigin);
            lanesA.AddTo(ofA, done);
            lanesB.AddTo(ofB, done);
            both.AddTo(ofBoth);
        }

        OriginScalar(origin[done..], ofOrigin);
        Scalar(origin[done..], a[done..], [], ofA);
        Scalar(origin[done..], b[done..], [], ofB);
        PairScalar(origin[done..], a[done..], b[done..], ofBoth);
    }

    private static bool SameBits<T>(T a, T b)
        where T : unmanaged =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in a)).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in b)));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int OriginVectors(ReadOnlySpan<float> origin, out OriginLanes into)
    {
        OriginLanes lanes = default;
        ref float x = ref MemoryMarshal.GetReference(origin);
        int i = 0;
        for (; i <= origin.Length - Together; i += Together)
        {
            lanes.Add(VectorWidening.Load16(ref x, i));
        }

        into = lanes;
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Vectors(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, Span<double> columns, out ChangeLanes into)
    {
        ChangeLanes lanes = default;
        ref float x = ref MemoryMarshal.GetReference(origin);
        ref float y = ref MemoryMarshal.GetReference(tuned[..origin.Length]);
        Span<Vector512<double>> column = MemoryMarshal.Cast<double, Vector512<double>>(columns);
        int i = 0;
        for (; i <= origin.Length - Together; i += Together)
        {
            (Vector512<double> lower, Vector512<double> upper) = lanes.Add(ref Unsafe.Add(ref x, i), VectorWidening.Load16(ref x, i), ref Unsafe.Add(ref y, i));
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
    private static int PairVectors(ReadOnlySpan<float> origin, ReadOnlySpan<float> a, ReadOnlySpan<float> b, out AgreementLanes into)
    {
        AgreementLanes lanes = default;
        ref float x = ref MemoryMarshal.GetReference(origin);
        ref float p = ref MemoryMarshal.GetReference(a[..origin.Length]);
        ref float q = ref MemoryMarshal.GetReference(b[..origin.Length]);
        int i = 0;
        for (; i <= origin.Length - Together; i += Together)
        {
            (Vector512<double> Lower, Vector512<double> Upper) wide = VectorWidening.Load16(ref x, i), first = VectorWidening.Load16(ref p, i), second = VectorWidening.Load16(ref q, i);
            lanes.Add((first.Lower - wide.Lower, first.Upper - wide.Upper), (second.Lower - wide.Lower, second.Upper - wide.Upper));
        }

        into = lanes;
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int TwoVectors<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> a, ReadOnlySpan<T> b, out OriginLanes ofOrigin, out ChangeLanes ofA, out ChangeLanes ofB, out AgreementLanes ofBoth)
        where T : unmanaged
    {
        OriginLanes own = default;
        ChangeLanes lanesA = default, lanesB = default;
        AgreementLanes both = default;
        ref T x = ref MemoryMarshal.GetReference(origin);
        ref T p = ref MemoryMarshal.GetReference(a[..origin.Length]);
        ref T q = ref MemoryMarshal.GetReference(b[..origin.Length]);
        int i = 0;
        for (; i <= origin.Length - Together; i += Together)
        {
            (Vector512<double>, Vector512<double>) wide = VectorWidening.Load16(ref x, i);
            own.Add(wide);
            both.Add(lanesA.Add(ref Unsafe.Add(ref x, i), wide, ref Unsafe.Add(ref p, i)), lanesB.Add(ref Unsafe.Add(ref x, i), wide, ref Unsafe.Add(ref q, i)));
        }

        (ofOrigin, ofA, ofB, ofBoth) = (own, lanesA, lanesB, both);
        return i;
    }

    // Sums of lanes. Loops keep them in registers, which they could not if anything were called after them: so they are given back, and added up by who asked.
    private struct OriginLanes
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
            sums.Abs += Vector512.Sum(_abs);
            sums.Square += Vector512.Sum(_square);
        }
    }

    private struct ChangeLanes
    {
        private Vector512<double> _abs, _change, _tuned, _dot, _max;
        private int _same;

        /// <returns>The changes.</returns>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public (Vector512<double> Lower, Vector512<double> Upper) Add<T>(ref T x, (Vector512<double> Lower, Vector512<double> Upper) wide, ref T y)
            where T : unmanaged
        {
            _same += typeof(T) == typeof(BFloat16)
                ? BitOperations.PopCount(Vector256.Equals(Vector256.LoadUnsafe(ref Unsafe.As<T, ushort>(ref x)), Vector256.LoadUnsafe(ref Unsafe.As<T, ushort>(ref y))).ExtractMostSignificantBits())
                : BitOperations.PopCount(Vector512.Equals(Vector512.LoadUnsafe(ref Unsafe.As<T, int>(ref x)), Vector512.LoadUnsafe(ref Unsafe.As<T, int>(ref y))).ExtractMostSignificantBits());
            (Vector512<double> y0, Vector512<double> y1) = VectorWidening.Load16(ref y, 0);
            Vector512<double> c0 = y0 - wide.Lower, c1 = y1 - wide.Upper, d0 = Vector512.Abs(c0), d1 = Vector512.Abs(c1);
            _max = Vector512.MaxNative(_max, Vector512.MaxNative(d0, d1));
            _abs += d0 + d1;
            _change = Vector512.FusedMultiplyAdd(c1, c1, Vector512.FusedMultiplyAdd(c0, c0, _change));
            _tuned = Vector512.MultiplyAddEstimate(y1, y1, Vector512.MultiplyAddEstimate(y0, y0, _tuned));
            _dot = Vector512.MultiplyAddEstimate(wide.Upper, y1, Vector512.MultiplyAddEstimate(wide.Lower, y0, _dot));
            return (c0, c1);
        }

        /// <returns>The sum of the absolute changes.</returns>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly double AddTo(DeltaSums sums, int count)
        {
            double sum = Vector512.Sum(_abs);
            sums.AbsChange += sum;
            sums.SquareChange += Vector512.Sum(_change);
            sums.SquareTuned += Vector512.Sum(_tuned);
            sums.Dot += Vector512.Sum(_dot);
            sums.Changed += count - _same;
            for (int lane = 0; lane < Vector512<double>.Count; lane++)
            {
                sums.MaxAbs = _max[lane] > sums.MaxAbs ? _max[lane] : sums.MaxAbs;
            }

            return sum;
        }
    }

    private struct AgreementLanes
    {
        private Vector512<double> _dot;
        private int _conflicts;

        /// <summary>Products of differences of two widened singles are never too small for their sign.</summary>
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
