using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSwap.Numerics;

/// <summary>How many keys of a block lie above an upper bound, upon it, upon the lower bound, and strictly between; and how many are zero.</summary>
internal readonly record struct KeyCounts(int Above, int AtHigh, int AtLow, int Within, int Zeros)
{
    public KeyCounts With(KeyCounts more) => new(Above + more.Above, AtHigh + more.AtHigh, AtLow + more.AtLow, Within + more.Within, Zeros + more.Zeros);
}

/// <summary>
/// Keys of changes, and the search for those within bounds. A key is the bits of a non-negative double: ordered as the numbers are, below 2^63. All that is not a number has one key, above
/// all others: which bits of two NaNs a sum has is the processor's and the compiler's choice.
/// </summary>
internal static class KeyKernel
{
    /// <summary>The key of what is not a number.</summary>
    public const ulong NotANumber = 0x7FF8_0000_0000_0000;

    /// <summary>The first key of what is not finite.</summary>
    public const ulong Infinity = 0x7FF0_0000_0000_0000;

    /// <summary>How much longer a list of what is found must be than what goes into it: sixteen are stored, however few hold.</summary>
    public const int Room = 16;

    /// <summary><c>keys[i] = bits of abs(tuned[i] - origin[i])</c>, the difference taken in doubles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Changes<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<ulong> keys)
        where T : unmanaged
    {
        ref T from = ref MemoryMarshal.GetReference(origin);
        ref T to = ref MemoryMarshal.GetReference(tuned);
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        int i = 0;
        for (; i <= keys.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            KeysOf(Wide.Eight(ref Unsafe.Add(ref to, i)) - Wide.Eight(ref Unsafe.Add(ref from, i))).AsUInt64().StoreUnsafe(ref key, (nuint)i);
        }

        for (; i < keys.Length; i++)
        {
            keys[i] = KeyOf(Wide.One(origin[i]), Wide.One(tuned[i]));
        }
    }

    /// <summary>Counts keys by where they lie, bounds below 2^63; the places of those strictly between the bounds go to <paramref name="places"/>. Where the bounds are equal, keys upon them count as at the upper.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static KeyCounts Within(ReadOnlySpan<ulong> keys, ulong low, ulong high, Span<int> places)
    {
        ref ulong key = ref MemoryMarshal.GetReference(keys);
        ref int place = ref MemoryMarshal.GetReference(places[..keys.Length]);
        Vector512<long> lows = Vector512.Create((long)low), highs = Vector512.Create((long)high);
        int i = 0, above = 0, atHigh = 0, atLow = 0, within = 0, zeros = 0;
        for (; i <= keys.Length - Vector512<long>.Count; i += Vector512<long>.Count)
        {
            Vector512<long> k = Vector512.LoadUnsafe(ref key, (nuint)i).AsInt64();
            above += Ones(Vector512.GreaterThan(k, highs).ExtractMostSignificantBits());
            atHigh += Ones(Vector512.Equals(k, highs).ExtractMostSignificantBits());
            atLow += Ones(Vector512.Equals(k, lows).ExtractMostSignificantBits());
            zeros += Ones(Vector512.Equals(k, default).ExtractMostSignificantBits());
            for (ulong mask = (Vector512.GreaterThan(k, lows) & Vector512.LessThan(k, highs)).ExtractMostSignificantBits(); mask != 0; mask &= mask - 1)
            {
                Unsafe.Add(ref place, within++) = i + System.Numerics.BitOperations.TrailingZeroCount(mask);
            }
        }

        for (; i < keys.Length; i++)
        {
            ulong k = keys[i];
            above += k > high ? 1 : 0;
            atHigh += k == high ? 1 : 0;
            atLow += k == low ? 1 : 0;
            zeros += k == 0 ? 1 : 0;
            Unsafe.Add(ref place, within) = i;
            within += k > low && k < high ? 1 : 0;
        }

        return new KeyCounts(above, atHigh, low == high ? 0 : atLow, within, zeros);
    }

    /// <summary><c>keys[i] = bits of abs(tuned[i] - origin[i])</c> as singles, where every one of these differences of singles is exact, as of most weights and what they were tuned to; the rest of the array is set to zero.</summary>
    /// <returns>False, and no use of the keys, where one is not, or where elements are doubles.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool TryChanges<T>(ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<int> keys, out int largest)
        where T : unmanaged
    {
        if (typeof(T) == typeof(double))
        {
            largest = 0;
            return false;
        }

        ref T from = ref MemoryMarshal.GetReference(origin);
        ref T to = ref MemoryMarshal.GetReference(tuned);
        ref int key = ref MemoryMarshal.GetReference(keys);
        Vector512<int> unsigned = Vector512.Create(int.MaxValue), left = default, most = default;
        int i = 0;
        for (; i <= tuned.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            Vector512<float> x = Wide.Singles(ref from, i), y = Wide.Singles(ref to, i), change = y - x;
            Vector512<int> own = change.AsInt32() & unsigned;
            left |= Left(x, y, change);
            most = Vector512.Max(most, own);
            own.StoreUnsafe(ref key, (nuint)i);
        }

        bool all = (left & unsigned) == Vector512<int>.Zero;
        largest = MaxOf(most);
        for (; i < tuned.Length; i++)
        {
            float x = (float)Wide.One(origin[i]), y = (float)Wide.One(tuned[i]), change = y - x;
            all &= y - change == x && x + change == y;
            keys[i] = BitConverter.SingleToInt32Bits(change) & int.MaxValue;
            largest = Math.Max(largest, keys[i]);
        }

        keys[tuned.Length..].Clear();
        return all;
    }

    /// <summary>The largest of those of whole vectors of keys that lie below a limit; zero where none does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static TKey Largest<TKey>(ReadOnlySpan<TKey> keys, TKey limit)
        where TKey : unmanaged, System.Numerics.IBinaryInteger<TKey>
    {
        ref TKey key = ref MemoryMarshal.GetReference(keys);
        Vector512<TKey> largest = default, limits = Vector512.Create(limit);
        for (int i = 0; i < keys.Length; i += Vector512<TKey>.Count)
        {
            Vector512<TKey> k = Vector512.LoadUnsafe(ref key, (nuint)i);
            largest = Vector512.Max(largest, k & Vector512.LessThan(k, limits));
        }

        return MaxOf(largest);
    }

    /// <summary>Counts keys that are the bits of singles, numbers of no sign, by where these lie; those strictly between the bounds go to <paramref name="found"/>, which has <see cref="Room"/> more.</summary>
    public static KeyCounts Within(ReadOnlySpan<int> keys, ulong low, ulong high, Span<int> found)
    {
        bool lowIsKey = Exact(low) >= 0, highIsKey = Exact(high) >= 0;
        // The first key that lies between, and how many there might be: how far a key is beyond the first tells where it lies. Where a bound is no number, they pass the largest integer and go on
        // from the least, beyond which no key lies.
        int first = unchecked(Floor(low) + (low == high && lowIsKey ? 0 : 1)), span = unchecked(Floor(high) - first + (highIsKey ? 0 : 1));
        int done = keys.Length & -Vector512<int>.Count;
        (int beyond, int upon, int before, int within, int zeros) = Vectors(keys[..done], first, span, found[..(keys.Length + Room)]);
        for (int i = done; i < keys.Length; i++)
        {
            int distance = keys[i] - first;
            beyond += distance >= span ? 1 : 0;
            upon += distance == span ? 1 : 0;
            before += distance == -1 ? 1 : 0;
            zeros += keys[i] == 0 ? 1 : 0;
            found[within] = keys[i];
            within += (uint)distance < (uint)span ? 1 : 0;
        }

        upon = highIsKey ? upon : 0;
        return new KeyCounts(beyond - upon, upon, low != high && lowIsKey ? before : 0, within, zeros);
    }

    /// <summary>How many keys lie at the span from the first or beyond, just at it, and just before the first; those within the span are found. Keys are whole vectors. By itself, since beside a call nothing stays in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static (int Beyond, int Upon, int Before, int Within, int Zeros) Vectors(ReadOnlySpan<int> keys, int first, int span, Span<int> found)
    {
        ref int key = ref MemoryMarshal.GetReference(keys);
        ref int list = ref MemoryMarshal.GetReference(found);
        Vector512<int> firsts = Vector512.Create(first), spans = Vector512.Create(span), one = Vector512<int>.One, beyond = default, some = default;
        int upon = 0, before = 0, within = 0;
        for (int i = 0; i < keys.Length; i += Vector512<int>.Count)
        {
            // Some are counted in lanes and some in masks: what does the one is not what does the other, and neither has to wait.
            Vector512<int> k = Vector512.LoadUnsafe(ref key, (nuint)i), distance = k - firsts;
            beyond = Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(distance, spans), beyond + one, beyond);
            some += Vector512.Min(k, one);
            upon += Ones(Vector512.Equals(distance, spans).ExtractMostSignificantBits());
            before += Ones(Vector512.Equals(distance, Vector512<int>.AllBitsSet).ExtractMostSignificantBits());
            within = Compress(ref list, within, k, Vector512.LessThan(distance.AsUInt32(), spans.AsUInt32()));
        }

        return (Vector512.Sum(beyond), upon, before, within, keys.Length - Vector512.Sum(some));
    }

    /// <summary>What is left on either side of a difference of singles, zero but for signs where it is exact (Dekker's two-sum). Of what is not finite something is left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Left(Vector512<float> origin, Vector512<float> tuned, Vector512<float> change) => (tuned - change - origin).AsInt32() | (origin + change - tuned).AsInt32();

    /// <summary>The key of one change.</summary>
    public static ulong KeyOf(double origin, double tuned) => KeyOf(tuned - origin);

    /// <summary>The key of a number, whatever its sign.</summary>
    public static ulong KeyOf(double number) => Math.Min(BitConverter.DoubleToUInt64Bits(number) & long.MaxValue, NotANumber);

    /// <summary>The same of eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<long> KeysOf(Vector512<double> numbers) => Vector512.Min(numbers.AsInt64() & Vector512.Create(long.MaxValue), Vector512.Create((long)NotANumber));

    /// <summary>The bits of the largest single that a key's number is not below.</summary>
    public static int Floor(ulong key)
    {
        double value = BitConverter.UInt64BitsToDouble(key);
        float single = (float)value;
        return double.IsNaN(value) ? int.MaxValue : BitConverter.SingleToInt32Bits(single > value ? float.BitDecrement(single) : single);
    }

    /// <summary>The bits of the single that is a key's number; negative, as none of a magnitude are, where none is.</summary>
    public static int Exact(ulong key) => (float)BitConverter.UInt64BitsToDouble(key) == BitConverter.UInt64BitsToDouble(key) ? Floor(key) : -1;

    private static T MaxOf<T>(Vector512<T> vector)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        T found = vector[0];
        for (int lane = 1; lane < Vector512<T>.Count; lane++)
        {
            found = T.Max(found, vector[lane]);
        }

        return found;
    }

    /// <summary>Adds the numbers whose lane is set; returns how many the list then has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Compress(ref int list, int count, Vector512<int> numbers, Vector512<uint> lanes)
    {
        ulong mask = lanes.ExtractMostSignificantBits();
        if (Avx512F.IsSupported)
        {
            // Without a branch: which lanes are set is as good as random.
            Avx512F.Compress(default, lanes, numbers.AsUInt32()).AsInt32().StoreUnsafe(ref list, (nuint)count);
            return count + Ones(mask);
        }

        for (; mask != 0; mask &= mask - 1)
        {
            Unsafe.Add(ref list, count++) = numbers[System.Numerics.BitOperations.TrailingZeroCount(mask)];
        }

        return count;
    }

    private static int Ones(ulong mask) => System.Numerics.BitOperations.PopCount(mask);
}
