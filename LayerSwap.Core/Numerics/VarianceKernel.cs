using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Changes of several sources, and the variance of each element's across them; equal changes have none, whatever the rounding of their mean, and whether they are numbers or not.</summary>
internal static class VarianceKernel
{
    /// <summary>Gives the changes of all sources, one source after another, and the bits of the variances of those: keys.</summary>
    public static void Keys<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, Span<double> changes, Span<ulong> keys)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = typeof(T) == typeof(float) ? Vectors(MemoryMarshal.Cast<T, float>(origin), tuned.As<float>(), changes, keys, 0) : 0;
        for (int i = done; i < keys.Length; i++)
        {
            keys[i] = KeyOf(origin, tuned, i, changes);
        }
    }

    /// <summary>Gives the changes of all sources, one source after another, where the key of their variance is not below <paramref name="low"/>, 0 elsewhere.</summary>
    public static void Selected<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, ulong low, Span<double> changes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int done = typeof(T) == typeof(float) ? Vectors(MemoryMarshal.Cast<T, float>(origin), tuned.As<float>(), changes, [], low) : 0;
        for (int i = done; i < origin.Length; i++)
        {
            if (KeyOf(origin, tuned, i, changes) < low)
            {
                for (int s = 0; s < tuned.Count; s++)
                {
                    changes[(s * origin.Length) + i] = 0;
                }
            }
        }
    }

    /// <summary>The scalar definition of one element: its changes, and the key of their variance.</summary>
    private static ulong KeyOf<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, int i, Span<double> changes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int length = origin.Length, sources = tuned.Count;
        double first = 0, mean = 0, squares = 0;
        bool equal = true;
        for (int s = 0; s < sources; s++)
        {
            double change = double.CreateTruncating(tuned[s][i]) - double.CreateTruncating(origin[i]);
            first = s == 0 ? change : first;
            // What is not a number anywhere is equal too: identical sources do not vary.
            equal &= change.Equals(first);
            mean += change;
            changes[(s * length) + i] = change;
        }

        mean /= sources;
        for (int s = 0; s < sources; s++)
        {
            double apart = changes[(s * length) + i] - mean;
            squares += apart * apart;
        }

        return equal ? 0 : BitConverter.DoubleToUInt64Bits(Math.Abs(squares / sources));
    }

    /// <summary>Where numbers are equal, or neither is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Alike(Vector512<double> a, Vector512<double> b) => Vector512.Equals(a, b) | ~(Vector512.Equals(a, a) | Vector512.Equals(b, b));

    /// <summary>Both of the above: keys go to <paramref name="keys"/>, or decide where there is no room for them.</summary>
    private static int Vectors(ReadOnlySpan<float> origin, in Rows<float> tuned, Span<double> changes, Span<ulong> keys, ulong low) =>
        tuned.Count == 2 ? PairVectors(origin, tuned, changes, keys, low) : AnyVectors(origin, tuned, changes, keys, low);

    /// <summary>Two sources, as most merges have: the same operations, without a way through memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int PairVectors(ReadOnlySpan<float> origin, in Rows<float> tuned, Span<double> changes, Span<ulong> keys, ulong low)
    {
        ref float start = ref MemoryMarshal.GetReference(origin);
        ref float from = ref tuned.Reference;
        ref double change = ref MemoryMarshal.GetReference(changes);
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        int length = origin.Length, i = 0;
        bool keep = keys.IsEmpty;
        Vector512<double> half = Vector512.Create(0.5);
        Vector512<long> lowest = Vector512.Create((long)low);
        for (; i <= length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = Wide.Sixteen(ref start, i);
            (Vector512<double> p, Vector512<double> q) = Wide.Sixteen(ref from, i);
            (Vector512<double> r, Vector512<double> t) = Wide.Sixteen(ref from, length + i);
            (p, q, r, t) = (p - x, q - y, r - x, t - y);
            Vector512<double> meanP = (p + r) * half, meanQ = (q + t) * half;
            Vector512<double> first = p - meanP, second = r - meanP, third = q - meanQ, fourth = t - meanQ;
            Vector512<long> keyP = Vector512.Abs(Vector512.AndNot(((first * first) + (second * second)) * half, Alike(p, r))).AsInt64();
            Vector512<long> keyQ = Vector512.Abs(Vector512.AndNot(((third * third) + (fourth * fourth)) * half, Alike(q, t))).AsInt64();
            if (keep)
            {
                Vector512<double> keptP = Vector512.GreaterThanOrEqual(keyP, lowest).AsDouble(), keptQ = Vector512.GreaterThanOrEqual(keyQ, lowest).AsDouble();
                (p, q, r, t) = (p & keptP, q & keptQ, r & keptP, t & keptQ);
            }
            else
            {
                keyP.AsUInt64().StoreUnsafe(ref key, (nuint)i);
                keyQ.AsUInt64().StoreUnsafe(ref key, (nuint)(i + Vector512<ulong>.Count));
            }

            p.StoreUnsafe(ref change, (nuint)i);
            q.StoreUnsafe(ref change, (nuint)(i + Vector512<double>.Count));
            r.StoreUnsafe(ref change, (nuint)(length + i));
            t.StoreUnsafe(ref change, (nuint)(length + i + Vector512<double>.Count));
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int AnyVectors(ReadOnlySpan<float> origin, in Rows<float> tuned, Span<double> changes, Span<ulong> keys, ulong low)
    {
        ref float start = ref MemoryMarshal.GetReference(origin);
        ref float from = ref tuned.Reference;
        ref double change = ref MemoryMarshal.GetReference(changes);
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        int length = origin.Length, sources = tuned.Count, i = 0;
        bool keep = keys.IsEmpty, exact = BitOperations.IsPow2(sources);
        Vector512<double> count = Vector512.Create((double)sources), share = Vector512.Create(1.0 / sources);
        Vector512<long> lowest = Vector512.Create((long)low);
        for (; i <= length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            (Vector512<double> x, Vector512<double> y) = Wide.Sixteen(ref start, i);
            Vector512<double> firstP = default, firstQ = default, meanP = default, meanQ = default, equalP = Vector512<double>.AllBitsSet, equalQ = equalP;
            for (int s = 0; s < sources; s++)
            {
                (Vector512<double> p, Vector512<double> q) = Wide.Sixteen(ref from, (s * length) + i);
                (p, q) = (p - x, q - y);
                p.StoreUnsafe(ref change, (nuint)((s * length) + i));
                q.StoreUnsafe(ref change, (nuint)((s * length) + i + Vector512<double>.Count));
                (firstP, firstQ) = s == 0 ? (p, q) : (firstP, firstQ);
                equalP &= Alike(p, firstP);
                equalQ &= Alike(q, firstQ);
                meanP += p;
                meanQ += q;
            }

            // Multiplying by the reciprocal of a power of two is dividing, and quicker.
            (meanP, meanQ) = exact ? (meanP * share, meanQ * share) : (meanP / count, meanQ / count);
            Vector512<double> squaresP = default, squaresQ = default;
            for (int s = 0; s < sources; s++)
            {
                Vector512<double> p = Vector512.LoadUnsafe(ref change, (nuint)((s * length) + i)) - meanP;
                Vector512<double> q = Vector512.LoadUnsafe(ref change, (nuint)((s * length) + i + Vector512<double>.Count)) - meanQ;
                squaresP += p * p;
                squaresQ += q * q;
            }

            // The key of a NaN is that of its magnitude.
            Vector512<long> keyP = Vector512.Abs(Vector512.AndNot(exact ? squaresP * share : squaresP / count, equalP)).AsInt64();
            Vector512<long> keyQ = Vector512.Abs(Vector512.AndNot(exact ? squaresQ * share : squaresQ / count, equalQ)).AsInt64();
            if (!keep)
            {
                keyP.AsUInt64().StoreUnsafe(ref key, (nuint)i);
                keyQ.AsUInt64().StoreUnsafe(ref key, (nuint)(i + Vector512<ulong>.Count));
                continue;
            }

            Vector512<double> keptP = Vector512.GreaterThanOrEqual(keyP, lowest).AsDouble(), keptQ = Vector512.GreaterThanOrEqual(keyQ, lowest).AsDouble();
            for (int s = 0; s < sources; s++)
            {
                int at = (s * length) + i;
                (Vector512.LoadUnsafe(ref change, (nuint)at) & keptP).StoreUnsafe(ref change, (nuint)at);
                (Vector512.LoadUnsafe(ref change, (nuint)(at + Vector512<double>.Count)) & keptQ).StoreUnsafe(ref change, (nuint)(at + Vector512<double>.Count));
            }
        }

        return i;
    }
}
