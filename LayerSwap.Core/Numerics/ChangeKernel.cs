using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Sums over the elements of a base's tensor. All sums are doubles.</summary>
internal sealed class OriginSums
{
    public double Abs { get; set; }

    public double Square { get; set; }

    public void Add(OriginSums other)
    {
        Abs += other.Abs;
        Square += other.Square;
    }
}

/// <summary>Sums over the elements of a tensor in a base and in a model fine-tuned from it. All sums are doubles.</summary>
internal sealed class ChangeSums
{
    public double AbsChange { get; set; }

    public double SquareChange { get; set; }

    public double SquareTuned { get; set; }

    public double Dot { get; set; }

    /// <summary>The kernels may lose a change that is not a number, the sum does not.</summary>
    public double MaxAbs { get => double.IsNaN(AbsChange) ? double.NaN : field; set; }

    public long Changed { get; set; }

    public void Add(ChangeSums other)
    {
        AbsChange += other.AbsChange;
        SquareChange += other.SquareChange;
        SquareTuned += other.SquareTuned;
        Dot += other.Dot;
        MaxAbs = Math.Max(MaxAbs, other.MaxAbs);
        Changed += other.Changed;
    }
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
}

/// <summary>
/// The sums of one block. Lanes are eight doubles wide on every machine, so that sums are the same on every machine; products of two widened floats are exact in doubles, so fusing
/// them with the addition changes nothing.
/// </summary>
internal static class ChangeKernel
{
    /// <summary>The base alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ObserveOrigin<T>(ReadOnlySpan<T> origin, OriginSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = typeof(T) == typeof(float) ? OriginVectors(MemoryMarshal.Cast<T, float>(origin), into) : 0;
        OriginScalar(origin[done..], into);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void OriginScalar<T>(ReadOnlySpan<T> origin, OriginSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double abs = 0, square = 0;
        foreach (T element in origin)
        {
            double x = double.CreateTruncating(element);
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
    public static double Observe<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<double> columns, ChangeSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = 0;
        double sum = 0;
        if (typeof(T) == typeof(float))
        {
            (done, sum) = Vectors(MemoryMarshal.Cast<T, float>(origin), MemoryMarshal.Cast<T, float>(tuned), columns, into);
        }

        return sum + Scalar(origin[done..], tuned[done..], columns.IsEmpty ? columns : columns[done..], into);
    }

    /// <summary>The scalar definition: the change in the precision of the inputs, everything summed in doubles. The greatest change is of those that are numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Scalar<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<double> columns, ChangeSums into)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ChangeSums sums = new();
        for (int i = 0; i < origin.Length; i++)
        {
            double x = double.CreateTruncating(origin[i]), y = double.CreateTruncating(tuned[i]), d = Math.Abs(double.CreateTruncating(tuned[i] - origin[i]));
            sums.AbsChange += d;
            sums.SquareChange += d * d;
            sums.SquareTuned += y * y;
            sums.Dot += x * y;
            sums.MaxAbs = d > sums.MaxAbs ? d : sums.MaxAbs;
            sums.Changed += SameBits(origin[i], tuned[i]) ? 0 : 1;
            if (!columns.IsEmpty)
            {
                columns[i] += d;
            }
        }

        into.Add(sums);
        return sums.AbsChange;
    }

    /// <summary>Two models beside the base.</summary>
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
        double dot = 0;
        long conflicts = 0;
        for (int i = 0; i < origin.Length; i++)
        {
            double p = double.CreateTruncating(a[i] - origin[i]), q = double.CreateTruncating(b[i] - origin[i]);
            dot += p * q;
            conflicts += (p > 0 && q < 0) || (p < 0 && q > 0) ? 1 : 0;
        }

        into.Dot += dot;
        into.Conflicts += conflicts;
    }

    private static bool SameBits<T>(T a, T b)
        where T : unmanaged =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in a)).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in b)));

    private static int WholeVectors(int length) => length - (length % Vector512<float>.Count);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int OriginVectors(ReadOnlySpan<float> origin, OriginSums into)
    {
        Vector512<double> abs = default, low = default, high = default;
        ref float from = ref MemoryMarshal.GetReference(origin);
        int end = WholeVectors(origin.Length);
        for (int i = 0; i < end; i += Vector512<float>.Count)
        {
            (Vector512<double> x0, Vector512<double> x1) = Vector512.Widen(Vector512.LoadUnsafe(ref from, (nuint)i));
            abs += Vector512.Abs(x0) + Vector512.Abs(x1);
            low = Vector512.MultiplyAddEstimate(x0, x0, low);
            high = Vector512.MultiplyAddEstimate(x1, x1, high);
        }

        into.Abs += Vector512.Sum(abs);
        into.Square += Vector512.Sum(low + high);
        return end;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (int Done, double Sum) Vectors(ReadOnlySpan<float> origin, ReadOnlySpan<float> tuned, Span<double> columns, ChangeSums into)
    {
        // Two of each: one alone would wait for itself.
        Vector512<double> absChange = default, change0 = default, change1 = default, tuned0 = default, tuned1 = default, dot0 = default, dot1 = default;
        Vector512<float> max = default;
        Vector512<int> same = default;
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float to = ref MemoryMarshal.GetReference(tuned);
        ref double column = ref MemoryMarshal.GetReference(columns);
        bool byColumn = !columns.IsEmpty;
        int end = WholeVectors(origin.Length);
        for (int i = 0; i < end; i += Vector512<float>.Count)
        {
            Vector512<float> x = Vector512.LoadUnsafe(ref from, (nuint)i), y = Vector512.LoadUnsafe(ref to, (nuint)i), abs = Vector512.Abs(y - x);
            max = Vector512.MaxNative(max, abs);
            same -= Vector512.Equals(x.AsInt32(), y.AsInt32());
            (Vector512<double> x0, Vector512<double> x1) = Vector512.Widen(x);
            (Vector512<double> y0, Vector512<double> y1) = Vector512.Widen(y);
            (Vector512<double> d0, Vector512<double> d1) = Vector512.Widen(abs);
            absChange += d0 + d1;
            if (byColumn)
            {
                (Vector512.LoadUnsafe(ref column, (nuint)i) + d0).StoreUnsafe(ref column, (nuint)i);
                (Vector512.LoadUnsafe(ref column, (nuint)(i + Vector512<double>.Count)) + d1).StoreUnsafe(ref column, (nuint)(i + Vector512<double>.Count));
            }

            change0 = Vector512.MultiplyAddEstimate(d0, d0, change0);
            tuned0 = Vector512.MultiplyAddEstimate(y0, y0, tuned0);
            dot0 = Vector512.MultiplyAddEstimate(x0, y0, dot0);
            change1 = Vector512.MultiplyAddEstimate(d1, d1, change1);
            tuned1 = Vector512.MultiplyAddEstimate(y1, y1, tuned1);
            dot1 = Vector512.MultiplyAddEstimate(x1, y1, dot1);
        }

        // Nothing is called from here on: the sums would be kept on the stack within the loop.
        double sum = Vector512.Sum(absChange);
        into.AbsChange += sum;
        into.SquareChange += Vector512.Sum(change0 + change1);
        into.SquareTuned += Vector512.Sum(tuned0 + tuned1);
        into.Dot += Vector512.Sum(dot0 + dot1);
        into.Changed += end - Vector512.Sum(same);
        Vector256<float> half = Vector256.MaxNative(max.GetLower(), max.GetUpper());
        Vector128<float> quarter = Vector128.MaxNative(half.GetLower(), half.GetUpper());
        quarter = Vector128.MaxNative(quarter, Vector128.Shuffle(quarter, Vector128.Create(2, 3, 0, 1)));
        float most = float.MaxNative(quarter[0], quarter[1]);
        into.MaxAbs = most > into.MaxAbs ? most : into.MaxAbs;
        return (end, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int PairVectors(ReadOnlySpan<float> origin, ReadOnlySpan<float> a, ReadOnlySpan<float> b, AgreementSums into)
    {
        Vector512<double> low = default, high = default;
        Vector512<int> conflicts = default;
        ref float from = ref MemoryMarshal.GetReference(origin);
        ref float first = ref MemoryMarshal.GetReference(a);
        ref float second = ref MemoryMarshal.GetReference(b);
        int end = WholeVectors(origin.Length);
        for (int i = 0; i < end; i += Vector512<float>.Count)
        {
            Vector512<float> x = Vector512.LoadUnsafe(ref from, (nuint)i);
            Vector512<float> p = Vector512.LoadUnsafe(ref first, (nuint)i) - x, q = Vector512.LoadUnsafe(ref second, (nuint)i) - x;
            Vector512<float> opposite = (Vector512.GreaterThan(p, default) & Vector512.LessThan(q, default)) | (Vector512.LessThan(p, default) & Vector512.GreaterThan(q, default));
            conflicts -= opposite.AsInt32();
            (Vector512<double> p0, Vector512<double> p1) = Vector512.Widen(p);
            (Vector512<double> q0, Vector512<double> q1) = Vector512.Widen(q);
            low = Vector512.MultiplyAddEstimate(p0, q0, low);
            high = Vector512.MultiplyAddEstimate(p1, q1, high);
        }

        into.Dot += Vector512.Sum(low + high);
        into.Conflicts += Vector512.Sum(conflicts);
        return end;
    }
}
