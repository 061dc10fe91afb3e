using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Sums over the elements of a tensor in a base and in a model fine-tuned from it. All sums are doubles.</summary>
internal sealed class ChangeSums
{
    public double AbsChange { get; set; }

    public double SquareChange { get; set; }

    public double AbsBase { get; set; }

    public double SquareBase { get; set; }

    public double SquareTuned { get; set; }

    public double Dot { get; set; }

    public double MaxAbs { get; set; }

    public long Changed { get; set; }

    public void Add(ChangeSums other)
    {
        AbsChange += other.AbsChange;
        SquareChange += other.SquareChange;
        AbsBase += other.AbsBase;
        SquareBase += other.SquareBase;
        SquareTuned += other.SquareTuned;
        Dot += other.Dot;
        MaxAbs = double.IsNaN(other.MaxAbs) ? double.NaN : Math.Max(MaxAbs, other.MaxAbs);
        Changed += other.Changed;
    }
}

/// <summary>Sums over the changes of two models from one base.</summary>
internal sealed class AgreementSums
{
    public double Dot { get; set; }

    public double SquareA { get; set; }

    public double SquareB { get; set; }

    /// <summary>Elements that both moved, in opposite directions.</summary>
    public long Conflicts { get; set; }

    public void Add(AgreementSums other)
    {
        Dot += other.Dot;
        SquareA += other.SquareA;
        SquareB += other.SquareB;
        Conflicts += other.Conflicts;
    }
}

/// <summary>The sums of one block. Lanes are eight doubles wide on every machine, so that sums are the same on every machine.</summary>
internal static class ChangeKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Observe<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, ChangeSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = typeof(T) == typeof(float)
            ? Vectors(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(tuned), into)
            : 0;
        Scalar(origin[done..], tuned[done..], into);
    }

    /// <summary>The scalar definition: the change in the precision of the inputs, everything summed in doubles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scalar<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, ChangeSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ChangeSums sums = new();
        for (int i = 0; i < origin.Length; i++)
        {
            double x = double.CreateTruncating(origin[i]), y = double.CreateTruncating(tuned[i]), d = double.CreateTruncating(tuned[i] - origin[i]);
            sums.AbsChange += Math.Abs(d);
            sums.SquareChange += d * d;
            sums.AbsBase += Math.Abs(x);
            sums.SquareBase += x * x;
            sums.SquareTuned += y * y;
            sums.Dot += x * y;
            sums.MaxAbs = Math.Max(sums.MaxAbs, Math.Abs(d));
            sums.Changed += SameBits(origin[i], tuned[i]) ? 0 : 1;
        }

        into.Add(sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ObservePair<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> a, ReadOnlySpan<T> b, AgreementSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = typeof(T) == typeof(float)
            ? PairVectors(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(a), MemoryMarshal.Cast<T, float>(b), into)
            : 0;
        PairScalar(origin[done..], a[done..], b[done..], into);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PairScalar<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> a, ReadOnlySpan<T> b, AgreementSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        AgreementSums sums = new();
        for (int i = 0; i < origin.Length; i++)
        {
            double p = double.CreateTruncating(a[i] - origin[i]), q = double.CreateTruncating(b[i] - origin[i]);
            sums.Dot += p * q;
            sums.SquareA += p * p;
            sums.SquareB += q * q;
            sums.Conflicts += (p > 0 && q < 0) || (p < 0 && q > 0) ? 1 : 0;
        }

        into.Add(sums);
    }

    private static bool SameBits<T>(T a, T b)
        where T : unmanaged =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in a)).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in b)));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Vectors(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, ChangeSums into)
    {
        Vector512<double> absChange = default, squareChange = default, absBase = default, squareBase = default, squareTuned = default, dot = default;
        Vector512<float> max = default;
        Vector512<int> changed = default;
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(tuned);
        int end = origin.Length - (origin.Length % Vector512<float>.Count);
        for (int i = 0; i < end; i += Vector512<float>.Count)
        {
            Vector512<float> x = Vector512.LoadUnsafe(ref from, (nuint)i), y = Vector512.LoadUnsafe(ref to, (nuint)i), d = y - x, abs = Vector512.Abs(d);
            max = Vector512.Max(max, abs);
            changed += Vector512.Equals(x.AsInt32(), y.AsInt32()) + Vector512<int>.One;
            (Vector512<double> x0, Vector512<double> x1) = Vector512.Widen(x);
            (Vector512<double> y0, Vector512<double> y1) = Vector512.Widen(y);
            (Vector512<double> d0, Vector512<double> d1) = Vector512.Widen(abs);
            absChange += d0 + d1;
            squareChange += (d0 * d0) + (d1 * d1);
            absBase += Vector512.Abs(x0) + Vector512.Abs(x1);
            squareBase += (x0 * x0) + (x1 * x1);
            squareTuned += (y0 * y0) + (y1 * y1);
            dot += (x0 * y0) + (x1 * y1);
        }

        if (end > 0)
        {
            ChangeSums sums = new()
            {
                AbsChange = Vector512.Sum(absChange),
                SquareChange = Vector512.Sum(squareChange),
                AbsBase = Vector512.Sum(absBase),
                SquareBase = Vector512.Sum(squareBase),
                SquareTuned = Vector512.Sum(squareTuned),
                Dot = Vector512.Sum(dot),
                Changed = Vector512.Sum(changed),
            };
            for (int lane = 0; lane < Vector512<float>.Count; lane++)
            {
                sums.MaxAbs = Math.Max(sums.MaxAbs, max[lane]);
            }

            into.Add(sums);
        }

        return end;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int PairVectors(ReadOnlySpan<float> origin, ReadOnlySpan<float> a, ReadOnlySpan<float> b, AgreementSums into)
    {
        Vector512<double> dot = default, squareA = default, squareB = default;
        Vector512<int> conflicts = default;
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float first = ref MemoryMarshal.GetReference(a);
        ref float second = ref MemoryMarshal.GetReference(b);
        int end = origin.Length - (origin.Length % Vector512<float>.Count);
        for (int i = 0; i < end; i += Vector512<float>.Count)
        {
            Vector512<float> x = Vector512.LoadUnsafe(ref from, (nuint)i);
            Vector512<float> p = Vector512.LoadUnsafe(ref first, (nuint)i) - x, q = Vector512.LoadUnsafe(ref second, (nuint)i) - x;
            Vector512<float> opposite = (Vector512.GreaterThan(p, default) & Vector512.LessThan(q, default)) | (Vector512.LessThan(p, default) & Vector512.GreaterThan(q, default));
            conflicts -= opposite.AsInt32();
            (Vector512<double> p0, Vector512<double> p1) = Vector512.Widen(p);
            (Vector512<double> q0, Vector512<double> q1) = Vector512.Widen(q);
            dot += (p0 * q0) + (p1 * q1);
            squareA += (p0 * p0) + (p1 * p1);
            squareB += (q0 * q0) + (q1 * q1);
        }

        into.Add(new AgreementSums { Dot = Vector512.Sum(dot), SquareA = Vector512.Sum(squareA), SquareB = Vector512.Sum(squareB), Conflicts = Vector512.Sum(conflicts) });
        return end;
    }
}
