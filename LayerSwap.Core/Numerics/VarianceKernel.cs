using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Numerics;

/// <summary>Changes of several sources, and keys of the variance of each element's across them; equal changes have none, whatever the rounding of their mean, and whether they are numbers or not.</summary>
internal static class VarianceKernel
{
    /// <summary>Elements of a vector, and bits of a byte.</summary>
    private const int Lanes = 8;

    /// <summary>Gives the changes of all sources, one source after another, and the bits of the variances of those: keys.</summary>
    public static void Keys<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, Span<double> changes, Span<ulong> keys)
        where T : unmanaged
    {
        for (int i = Vectors(origin, tuned, changes, keys); i < keys.Length; i++)
        {
            keys[i] = KeyOf(origin, tuned, i);
            for (int s = 0; s < tuned.Count; s++)
            {
                changes[(s * keys.Length) + i] = Change(origin, tuned, s, i);
            }
        }
    }

    /// <summary>Sets the bits of elements whose key is not below <paramref name="low"/>, and of no others; those after the elements are cleared.</summary>
    public static void Selected<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, ulong low, Span<ulong> bits)
        where T : unmanaged
    {
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static KeyCounts Within<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, ulong low, ulong high, Span<ulong> within, Span<KeyEnergies> energies)
        where T : unmanaged
    {
        int length = origin.Length, stride = tuned.Stride, i = 0, above = 0, atHigh = 0, atLow = 0, inside = 0, zeros = 0;
        ref T start = ref MemoryMarshal.GetReference(origin);
        ref T from = ref tuned.Reference;
        Span<byte> bits = MemoryMarshal.AsBytes(within);
        Vector512<long> lows = Vector512.Create((long)low), highs = Vector512.Create((long)high);
        Vector512<double> firstAbove = default, firstAtHigh = default, firstAtLow = default, secondAbove = default, secondAtHigh = default, secondAtLow = default;
        for (; i <= length - Lanes; i += Lanes)
        {
            Vector512<double> x = Wide.Eight(ref Unsafe.Add(ref start, i));
            Vector512<double> first = Wide.Eight(ref Unsafe.Add(ref from, i)) - x, second = Wide.Eight(ref Unsafe.Add(ref from, stride + i)) - x;
            Vector512<long> key = KeysOfPair(first, second);
            (first, second) = (first * first, second * second);
            byte own = (byte)(Vector512.GreaterThan(key, lows) & Vector512.LessThan(key, highs)).ExtractMostSignificantBits();
            bits[i / Lanes] = own;
            inside += BitOperations.PopCount(own);
            above += Ones(Vector512.GreaterThan(key, highs));
            zeros += Ones(Vector512.Equals(key, default));
            firstAbove = Vector512.ConditionalSelect(Vector512.GreaterThan(key, highs).AsDouble(), firstAbove + first, firstAbove);
            secondAbove = Vector512.ConditionalSelect(Vector512.GreaterThan(key, highs).AsDouble(), secondAbove + second, secondAbove);
            atHigh += Ones(Vector512.Equals(key, highs));
            atLow += Ones(Vector512.Equals(key, lows));
            firstAtHigh = Vector512.ConditionalSelect(Vector512.Equals(key, highs).AsDouble(), firstAtHigh + first, firstAtHigh);
            secondAtHigh = Vector512.ConditionalSelect(Vector512.Equals(key, highs).AsDouble(), secondAtHigh + second, secondAtHigh);
            firstAtLow = Vector512.ConditionalSelect(Vector512.Equals(key, lows).AsDouble(), firstAtLow + first, firstAtLow);
            secondAtLow = Vector512.ConditionalSelect(Vector512.Equals(key, lows).AsDouble(), secondAtLow + second, secondAtLow);
        }

        KeyEnergies ofFirst = new(Vector512.Sum(firstAbove), Vector512.Sum(firstAtHigh), Vector512.Sum(firstAtLow));
        KeyEnergies ofSecond = new(Vector512.Sum(secondAbove), Vector512.Sum(secondAtHigh), Vector512.Sum(secondAtLow));
        bits[(i / Lanes)..].Clear();
        for (; i < length; i++)
        {
            ulong key = KeyOf(origin, tuned, i);
            bool strictly = key > low && key < high;
            above += key > high ? 1 : 0;
            atHigh += key == high ? 1 : 0;
            atLow += key == low ? 1 : 0;
            zeros += key == 0 ? 1 : 0;
            inside += strictly ? 1 : 0;
            bits[i / Lanes] |= (byte)((strictly ? 1 : 0) << (i % Lanes));
            ofFirst = ofFirst.With(Change(origin, tuned, 0, i), key, low, high);
            ofSecond = ofSecond.With(Change(origin, tuned, 1, i), key, low, high);
        }

        (energies[0], energies[1]) = (ofFirst.Of(low, high), ofSecond.Of(low, high));
        return new KeyCounts(above, atHigh, low == high ? 0 : atLow, inside, zeros);
    }

    /// <summary>What a source changes in an element.</summary>
    public static double Change<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, int source, int i)
        where T : unmanaged => Wide.One(tuned[source][i]) - Wide.One(origin[i]);

    /// <summary>The scalar definition of an element's key.</summary>
    public static ulong KeyOf<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, int i)
        where T : unmanaged
    {
        int sources = tuned.Count;
        double first = Change(origin, tuned, 0, i), mean = 0, squares = 0;
        bool equal = true;
        for (int s = 0; s < sources; s++)
        {
            double change = Change(origin, tuned, s, i);
            // What is not a number anywhere is equal too: identical sources do not vary.
            equal &= change.Equals(first);
            mean += change;
        }

        mean /= sources;
        for (int s = 0; s < sources; s++)
        {
            double apart = Change(origin, tuned, s, i) - mean;
            squares += apart * apart;
        }

        return equal ? 0 : KeyKernel.KeyOf(squares / sources);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Vectors<T>(ReadOnlySpan<T> origin, in Rows<T> tuned, Span<double> changes, Span<ulong> keys)
        where T : unmanaged
    {
        ref T start = ref MemoryMarshal.GetReference(origin);
        ref T from = ref tuned.Reference;
        ref double change = ref MemoryMarshal.GetReference(changes);
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        int length = origin.Length, stride = tuned.Stride, sources = tuned.Count, i = 0;
        AnySources of = new(sources);
        for (; i <= length - Lanes; i += Lanes)
        {
            Vector512<double> x = Wide.Eight(ref Unsafe.Add(ref start, i));
            of.Keys(ref Unsafe.Add(ref from, i), stride, x).AsUInt64().StoreUnsafe(ref key, (nuint)i);
            for (int s = 0; s < sources; s++)
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> KeysOfPair(Vector512<double> first, Vector512<double> second)
    {
        Vector512<double> half = Vector512.Create(0.5), mean = (first + second) * half, p = first - mean, q = second - mean, variance = ((p * p) + (q * q)) * half;
        // The mean of two equal numbers is exact: where they are finite there is nothing left of them.
        return Vector512.EqualsAll(variance, variance) ? variance.AsInt64() : KeyKernel.KeysOf(Vector512.AndNot(variance, Alike(first, second)));
    }

    /// <summary>Multiplying by the reciprocal of a power of two is dividing, and quicker.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Divide(Vector512<double> numbers, int by) =>
        BitOperations.IsPow2(by) ? numbers * Vector512.Create(1.0 / by) : numbers / Vector512.Create((double)by);

    /// <summary>Where numbers are equal, or neither is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Alike(Vector512<double> a, Vector512<double> b) => Vector512.Equals(a, b) | ~(Vector512.Equals(a, a) | Vector512.Equals(b, b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Ones(Vector512<long> lanes) => BitOperations.PopCount(lanes.ExtractMostSignificantBits());

    private interface ISources
    {
        /// <summary>The keys of eight elements.</summary>
        /// <param name="from">The first of them in the first source.</param>
        /// <param name="stride">The elements from one source to the next.</param>
        /// <param name="origin">The base's.</param>
        Vector512<long> Keys<T>(ref T from, int stride, Vector512<double> origin)
            where T : unmanaged;
    }

    /// <summary>As most merges have: the same, without a loop over them.</summary>
    private readonly struct TwoSources : ISources
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<long> Keys<T>(ref T from, int stride, Vector512<double> origin)
            where T : unmanaged => KeysOfPair(Wide.Eight(ref from) - origin, Wide.Eight(ref Unsafe.Add(ref from, stride)) - origin);
    }

    private readonly struct AnySources(int count) : ISources
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<long> Keys<T>(ref T from, int stride, Vector512<double> origin)
            where T : unmanaged
        {
            Vector512<double> first = Wide.Eight(ref from) - origin, mean = default, squares = default, equal = Vector512<double>.AllBitsSet;
            for (int s = 0; s < count; s++)
            {
                Vector512<double> change = Wide.Eight(ref Unsafe.Add(ref from, s * stride)) - origin;
                equal &= Alike(change, first);
                mean += change;
            }

            mean = Divide(mean, count);
            for (int s = 0; s < count; s++)
            {
                Vector512<double> apart = Wide.Eight(ref Unsafe.Add(ref from, s * stride)) - origin - mean;
                squares += apart * apart;
            }

            return KeyKernel.KeysOf(Vector512.AndNot(Divide(squares, count), equal));
        }
    }
}
