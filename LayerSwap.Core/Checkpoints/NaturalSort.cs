using System.Runtime.CompilerServices;

namespace LayerSwap.Checkpoints;

/// <summary>
/// Sorts tensors by <see cref="NaturalOrder"/>, many at a time: by eight bytes behind what all names begin with, then those that have these alike by the next, as far as that tells them apart.
/// Comparing two names by all they have takes ten times as long as comparing two numbers.
/// </summary>
internal static class NaturalSort
{
    /// <summary>As few as this are compared at once.</summary>
    private const int Few = 16;

    public static void Sort(TensorInfo[] tensors) => Sort(tensors.AsSpan(), -1);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sort(Span<TensorInfo> tensors, int before)
    {
        int shared = tensors.Length > Few ? SharedPrefix(tensors) : before;
        if (shared <= before)
        {
            tensors.Sort((a, b) => NaturalOrder.Instance.Compare(a.Name, b.Name));
            return;
        }

        ulong[] keys = new ulong[tensors.Length];
        for (int i = 0; i < keys.Length; i++)
        {
            keys[i] = Key(tensors[i].Name.AsSpan(shared));
        }

        keys.AsSpan().Sort(tensors);
        for (int start = 0, end; start < keys.Length; start = end)
        {
            for (end = start + 1; end < keys.Length && keys[end] == keys[start]; end++)
            {
            }

            if (end - start > 1)
            {
                Sort(tensors[start..end], shared);
            }
        }
    }

    /// <summary>How far all names are the same; not into a number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int SharedPrefix(ReadOnlySpan<TensorInfo> tensors)
    {
        ReadOnlySpan<char> shared = tensors[0].Name;
        foreach (TensorInfo tensor in tensors[1..])
        {
            shared = shared[..shared.CommonPrefixLength(tensor.Name)];
        }

        return shared.TrimEnd("0123456789").Length;
    }

    /// <summary>Eight bytes in natural order: characters, and for a number a digit, its length, and its digits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong Key(ReadOnlySpan<char> name)
    {
        ulong key = 0;
        int left = sizeof(ulong);
        for (int i = 0; i < name.Length && left > 0;)
        {
            if (!char.IsAsciiDigit(name[i]))
            {
                // Nothing, the end of a name, comes before all; what is not ASCII comes after, and is not told apart here.
                bool ascii = name[i] < 0x7F;
                key |= (ulong)(ascii ? name[i] + 1 : 0xFF) << (8 * --left);
                if (!ascii)
                {
                    break;
                }

                i++;
                continue;
            }

            key |= (ulong)('0' + 1) << (8 * --left);
            while (i < name.Length && name[i] == '0')
            {
                i++;
            }

            int end = i;
            while (end < name.Length && char.IsAsciiDigit(name[end]))
            {
                end++;
            }

            if (left > 0)
            {
                key |= (ulong)Math.Min(end - i, 0xFF) << (8 * --left);
            }

            if (end - i >= 0xFF)
            {
                break;
            }

            for (; i < end && left > 0; i++)
            {
                key |= (ulong)name[i] << (8 * --left);
            }

            i = end;
        }

        return key;
    }
}
