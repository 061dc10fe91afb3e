using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>
/// Changes of several sources, and keys of how much those of an element vary: bits of the sum of squares of the distances between any two changes, which is
/// the variance times the square of their number, or, of two sources, of the distance itself. Distances need no mean, whose rounding would rank equal variances: the sum has the precision of two
/// doubles. Equal changes do not vary, whether they are numbers or not; others of which one is infinite vary by no number, and so does their distance.
/// </summary>
internal static class VarianceKernel
{
    /// <summary>Elements of a vector, and bits of a byte.</summary>
    private const int Lanes = 8;

    /// <summary>How far exponents may be apart for sums of three BF16 to be doubles: 53 bits, less the eight of an element and two for carries.</summary>
    private const int MostApart = 53 - 8 - 2;

    /// <summary>Gives the changes of all sources, one source after another, and the keys.</summary>
    public static void Keys<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, Span<double> changes, Span<ulong> keys)
        where T : unmanaged
    {
        int done = tuned.Count == 2 ? Vectors(default(TwoSources), origin, tuned, changes, keys) : Vectors(new AnySources(tuned.Count), origin, tuned, changes, keys);
        for (int i = done; i < keys.Length; i++)
        {
            keys[i] = KeyOf(origin, tuned, i);
            for (int s = 0; s < tuned.Count; s++)
            {
                changes[(s * keys.Length) + i] = Change(origin, tuned, s, i);
            }
        }
    }

    /// <summary>Sets the bits of elements whose key is not below <paramref name="low"/>, and of no others; what lies after the elements does not count.</summary>
    public static void Selected<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, ulong low, Span<ulong> bits)
        where T : unmanaged
    {
        if (tuned.Count == 2 && AreNear(origin, tuned))
        {
            // Nothing is rounded: the distance between the changes is that between the sources.
            MaskKernel.Between(tuned[1], tuned[0], low, long.MaxValue, bits);
            return;
        }

        int done = tuned.Count == 2 ? Vectors(default(TwoSources), origin, tuned, low, bits) : Vectors(new AnySources(tuned.Count), origin, tuned, low, bits);
        Span<byte> bytes = MemoryMarshal.AsBytes(bits);
        bytes[(done / Lanes)..].Clear();
        for (int i = done; i < origin.Length; i++)
        {
            bytes[i / Lanes] |= (byte)((KeyOf(origin, tuned, i) >= low ? 1 : 0) << (i % Lanes));
        }
    }

    /// <summary>Of two sources: counts keys by where they lie, and sums up the energies of all changes by that, without a way through memory.</summary>
    /// <param name="origin">The base's elements.</param>
    /// <param name="tuned">The sources'.</param>
    /// <param name="low">The lower bound.</param>
    /// <param name="high">The upper bound.</param>
    /// <param name="within">Receives a bit an element: those strictly between the bounds.</param>
    /// <param name="energies">Receives those of both.</param>
    /// <returns>Null, and no use of what was received, where something is not finite.</returns>
    public static KeyCounts? Within<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, ulong low, ulong high, Span<ulong> within, Span<KeyEnergies> energies)
        where T : unmanaged
    {
        within.Clear();
        (int done, KeyCounts counts, bool finite) = Vectors(origin, tuned, low, high, within, energies);
        for (int i = done; i < origin.Length; i++)
        {
            double first = Change(origin, tuned, 0, i), second = Change(origin, tuned, 1, i);
            ulong key = KeyKernel.KeyOf(first - second);
            bool inside = key > low && key < high;
            finite &= key < KeyKernel.Infinity;
            counts = counts.With(new KeyCounts(key > high ? 1 : 0, key == high ? 1 : 0, key == low ? 1 : 0, inside ? 1 : 0, key == 0 ? 1 : 0));
            within[i / 64] |= (inside ? 1UL : 0) << i;
            energies[0] = energies[0].With(first, key, low, high);
            energies[1] = energies[1].With(second, key, low, high);
        }

        (energies[0], energies[1]) = (energies[0].Of(low, high), energies[1].Of(low, high));
        return finite ? counts with { AtLow = low == high ? 0 : counts.AtLow } : null;
    }

    /// <summary>What a source changes in an element.</summary>
    public static double Change<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, int source, int i)
        where T : unmanaged => Wide.One(tuned[source][i]) - Wide.One(origin[i]);

    /// <summary>The scalar definition of an element's key.</summary>
    public static ulong KeyOf<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, int i)
        where T : unmanaged
    {
        int sources = tuned.Count;
        double first = Change(origin, tuned, 0, i);
        bool equal = true;
        for (int s = 1; s < sources; s++)
        {
            // What is not a number anywhere is equal too: identical sources do not vary.
            equal &= Change(origin, tuned, s, i).Equals(first);
        }

        if (equal)
        {
            return 0;
        }

        if (sources == 2)
        {
            double distance = first - Change(origin, tuned, 1, i);
            // What is infinite becomes no number, all else is as it was.
            return KeyKernel.KeyOf(distance + (distance - distance));
        }

        double sum = 0, rest = 0;
        for (int s = 1; s < sources; s++)
        {
            double change = Change(origin, tuned, s, i);
            for (int t = 0; t < s; t++)
            {
                double apart = change - Change(origin, tuned, t, i), square = apart * apart, total = sum + square, added = total - sum;
                rest += (sum - (total - added)) + (square - added) + Math.FusedMultiplyAdd(apart, apart, -square);
                sum = total;
            }
        }

        return KeyKernel.KeyOf(sum + rest);
    }

    /// <summary>Whether elements, of two sources, are BF16, finite, and near enough to each other that doubles hold all changes and what these differ by.</summary>
    private static bool AreNear<T>(ReadOnlySpan<T> origin, in Rows<T> tuned)
        where T : unmanaged =>
        typeof(T) == typeof(BFloat16)
        && Magnitudes.None.With(MemoryMarshal.Cast<T, BFloat16>(origin)).With(MemoryMarshal.Cast<T, BFloat16>(tuned[0])).With(MemoryMarshal.Cast<T, BFloat16>(tuned[1])).AllLieWithin(MostApart);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (int Done, KeyCounts Counts, bool AreFinite) Vectors<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, ulong low, ulong high, Span<ulong> within, Span<KeyEnergies> energies)
        where T : unmanaged
    {
        int length = origin.Length, stride = tuned.Stride, i = 0, above = 0, atHigh = 0, atLow = 0, inside = 0, zeros = 0;
        ref T start = ref MemoryMarshal.GetReference(origin);
        ref T from = ref tuned.Reference;
        ref ushort bits = ref Unsafe.As<ulong, ushort>(ref MemoryMarshal.GetReference(within));
        Vector512<long> lows = Vector512.Create((long)low), highs = Vector512.Create((long)high), most = default;
        EnergyLanes first = default, second = default;
        for (; i <= length - (2 * Lanes); i += 2 * Lanes)
        {
            (Vector512<double> x, Vector512<double> y) = Wide.Sixteen(ref start, i);
            (Vector512<double> a, Vector512<double> b) = Wide.Sixteen(ref from, i);
            (Vector512<double> c, Vector512<double> d) = Wide.Sixteen(ref from, stride + i);
            (a, b, c, d) = (a - x, b - y, c - x, d - y);
            Vector512<long> key = Vector512.Abs(a - c).AsInt64(), other = Vector512.Abs(b - d).AsInt64();
            most = Vector512.Max(most, Vector512.Max(key, other));
            first.Add(a, key, lows, highs);
            first.Add(b, other, lows, highs);
            second.Add(c, key, lows, highs);
            second.Add(d, other, lows, highs);
            uint over = Both(Vector512.GreaterThan(key, highs), Vector512.GreaterThan(other, highs)), upon = Both(Vector512.Equals(key, highs), Vector512.Equals(other, highs));
            uint own = Both(Vector512.GreaterThan(key, lows), Vector512.GreaterThan(other, lows)) & ~(over | upon);
            above += BitOperations.PopCount(over);
            atHigh += BitOperations.PopCount(upon);
            atLow += BitOperations.PopCount(Both(Vector512.Equals(key, lows), Vector512.Equals(other, lows)));
            zeros += BitOperations.PopCount(Both(Vector512.Equals(key, default), Vector512.Equals(other, default)));
            inside += BitOperations.PopCount(own);
            Unsafe.Add(ref bits, (uint)i / (2 * Lanes)) = (ushort)Bits.Joined<T>(own & 0xFF, own >> 8, Lanes);
        }

        energies[0] = first.Sums;
        energies[1] = second.Sums;
        return (i, new KeyCounts(above, atHigh, atLow, inside, zeros), Vector512.LessThanAll(most, Vector512.Create((long)KeyKernel.Infinity)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Vectors<T, TSources>(TSources sources, ReadOnlySpan<T> origin, in Rows<T> tuned, Span<double> changes, Span<ulong> keys)
        where T : unmanaged
        where TSources : struct, ISources
    {
        ref T start = ref MemoryMarshal.GetReference(origin);
        ref T from = ref tuned.Reference;
        ref double change = ref MemoryMarshal.GetReference(changes);
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        int length = origin.Length, stride = tuned.Stride, count = tuned.Count, i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            Vector512<double> x = Wide.Eight(ref Unsafe.Add(ref start, i));
            sources.Keys(ref Unsafe.Add(ref from, i), stride, x).AsUInt64().StoreUnsafe(ref key, (nuint)i);
            for (int s = 0; s < count; s++)
            {
                (Wide.Eight(ref Unsafe.Add(ref from, (s * stride) + i)) - x).StoreUnsafe(ref change, (nuint)((s * length) + i));
            }
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Vectors<T, TSources>(TSources sources, ReadOnlySpan<T> origin, in Rows<T> tuned, ulong low, Span<ulong> bits)
        where T : unmanaged
        where TSources : struct, ISources
    {
        ref T start = ref MemoryMarshal.GetReference(origin);
        ref T from = ref tuned.Reference;
        Span<byte> bytes = MemoryMarshal.AsBytes(bits);
        int length = origin.Length, i = 0;
        Vector512<long> lowest = Vector512.Create((long)low);
        for (; i <= length - Lanes; i += Lanes)
        {
            Vector512<long> keys = sources.Keys(ref Unsafe.Add(ref from, i), tuned.Stride, Wide.Eight(ref Unsafe.Add(ref start, i)));
            bytes[i / Lanes] = (byte)Vector512.GreaterThanOrEqual(keys, lowest).ExtractMostSignificantBits();
        }

        return i;
    }

    /// <summary>Where numbers are equal, or neither is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Alike(Vector512<double> a, Vector512<double> b) => Vector512.Equals(a, b) | ~(Vector512.Equals(a, a) | Vector512.Equals(b, b));

    /// <summary>A bit for each of sixteen lanes that is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Both(Vector512<long> lower, Vector512<long> upper) => (uint)(lower.ExtractMostSignificantBits() | (upper.ExtractMostSignificantBits() << Lanes));

    private interface ISources
    {
        /// <summary>The keys of eight elements.</summary>
        /// <param name="from">The first of them in the first source.</param>
        /// <param name="stride">The elements from one source to the next.</param>
        /// <param name="origin">The base's.</param>
        Vector512<long> Keys<T>(ref T from, int stride, Vector512<double> origin)
            where T : unmanaged;
    }

    /// <summary>As most merges have: what counts is how far apart they are.</summary>
    private readonly struct TwoSources : ISources
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<long> Keys<T>(ref T from, int stride, Vector512<double> origin)
            where T : unmanaged
        {
            Vector512<double> first = Wide.Eight(ref from) - origin, second = Wide.Eight(ref Unsafe.Add(ref from, stride)) - origin;
            Vector512<double> distance = first - second;
            return KeyKernel.KeysOf(Vector512.AndNot(distance + (distance - distance), Alike(first, second)));
        }
    }

    private readonly struct AnySources(int count) : ISources
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<long> Keys<T>(ref T from, int stride, Vector512<double> origin)
            where T : unmanaged
        {
            Vector512<double> first = Wide.Eight(ref from) - origin, sum = default, rest = default, equal = Vector512<double>.AllBitsSet;
            for (int s = 1; s < count; s++)
            {
                Vector512<double> change = Wide.Eight(ref Unsafe.Add(ref from, s * stride)) - origin;
                equal &= Alike(change, first);
                for (int t = 0; t < s; t++)
                {
                    Vector512<double> apart = change - (Wide.Eight(ref Unsafe.Add(ref from, t * stride)) - origin), square = apart * apart, total = sum + square, added = total - sum;
                    rest += (sum - (total - added)) + (square - added) + Vector512.FusedMultiplyAdd(apart, apart, -square);
                    sum = total;
                }
            }

            return KeyKernel.KeysOf(Vector512.AndNot(sum + rest, equal));
        }
    }
}
