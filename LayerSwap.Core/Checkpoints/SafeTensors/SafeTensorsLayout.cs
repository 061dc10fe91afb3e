using System.Globalization;
using System.Runtime.CompilerServices;

namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>Validates sizes and offsets: spans match shape and dtype, and tile the data without gap or overlap.</summary>
internal static class SafeTensorsLayout
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (TensorInfo[] Tensors, long[] Begins) Validate(List<RawEntry> list, ulong dataLength, SafeTensorsThrow error)
    {
        ReadOnlySpan<RawEntry> raw = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(list);
        int[]? order = SortByOffset(raw, list);
        ulong end = 0;
        string? previous = null;
        for (int i = 0; i < raw.Length; i++)
        {
            ref readonly RawEntry entry = ref raw[order is null ? i : order[i]];
            if (entry.End < entry.Begin)
            {
                throw error.Field(entry.Name, "data_offsets", $"[{entry.Begin}, {entry.End}]", "an end that is not before the begin");
            }

            if (entry.Begin != end)
            {
                throw error.Gap(entry.Name, entry.Begin, end, previous);
            }

            CheckSize(entry, error);
            end = entry.End;
            previous = entry.Name;
        }

        if (end != dataLength)
        {
            throw error.Length(end, dataLength);
        }

        // All offsets are now within the file, so they fit a long.
        TensorInfo[] tensors = new TensorInfo[raw.Length];
        long[] offsets = new long[raw.Length];
        for (int i = 0; i < raw.Length; i++)
        {
            tensors[i] = new TensorInfo(raw[i].Name, raw[i].DType, raw[i].Shape.Validated!.Value);
            offsets[i] = (long)raw[i].Begin;
        }

        return (tensors, offsets);
    }

    /// <summary>Sorts entry indices by offset. Null if the header is already sorted, as most writers leave it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int[]? SortByOffset(ReadOnlySpan<RawEntry> raw, List<RawEntry> list)
    {
        bool ordered = true;
        for (int i = 1; ordered && i < raw.Length; i++)
        {
            ordered = Compare(raw[i - 1], raw[i]) <= 0;
        }

        if (ordered)
        {
            return null;
        }

        int[] order = new int[raw.Length];
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(order, (a, b) => Compare(list[a], list[b]));
        return order;
    }

    private static int Compare(in RawEntry a, in RawEntry b) =>
        a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin)
        : a.End != b.End ? a.End.CompareTo(b.End)
        : string.CompareOrdinal(a.Name, b.Name);

    /// <summary>Compares size and span. Multiplies left to right: overflow is an error even if a later extent is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CheckSize(in RawEntry entry, SafeTensorsThrow error)
    {
        ulong found = entry.End - entry.Begin, bits;
        try
        {
            ulong count = 1;
            foreach (ulong extent in entry.Shape.Extents)
            {
                count = checked(count * extent);
            }

            bits = checked(count * (ulong)entry.DType.Bits());
        }
        catch (OverflowException)
        {
            throw error.Size(entry.Name, entry.DType, FormatShape(entry.Shape.Extents), "2^64 bits or more", found);
        }

        if (bits % 8 != 0)
        {
            throw error.Size(entry.Name, entry.DType, FormatShape(entry.Shape.Extents), $"{bits} bits, which are not whole bytes", found);
        }

        if (bits / 8 != found)
        {
            throw error.Size(entry.Name, entry.DType, FormatShape(entry.Shape.Extents), $"{bits / 8} bytes", found);
        }

        try
        {
            entry.Shape.Validated ??= new TensorShape(Array.ConvertAll(entry.Shape.Extents, x => checked((long)x)));
        }
        catch (OverflowException)
        {
            // An empty tensor with an extent, or a partial product, of 2^63 or more.
            throw error.ShapeTooLarge(entry.Name, FormatShape(entry.Shape.Extents));
        }
    }

    private static string FormatShape(ulong[] shape) =>
        "[" + string.Join(", ", shape.Select(x => x.ToString(CultureInfo.InvariantCulture))) + "]";
}
