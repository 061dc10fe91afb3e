using System.Globalization;

namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>Sizes and places: every tensor as long as its shape says, all of them tiling the data without hole or overlap.</summary>
internal static class SafeTensorsLayout
{
    public static List<SafeTensorsEntry> Validate(List<RawEntry> raw, ulong data, SafeTensorsThrow error)
    {
        raw.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin)
            : a.End != b.End ? a.End.CompareTo(b.End)
            : string.CompareOrdinal(a.Name, b.Name));
        List<TensorShape> shapes = new(raw.Count);
        ulong end = 0;
        string? previous = null;
        foreach (RawEntry entry in raw)
        {
            if (entry.End < entry.Begin)
            {
                throw error.Field(entry.Name, "data_offsets", $"[{entry.Begin}, {entry.End}]", "an end that is not before the begin");
            }

            if (entry.Begin != end)
            {
                throw error.Gap(entry.Name, entry.Begin, end, previous);
            }

            shapes.Add(CheckSize(entry, error));
            end = entry.End;
            previous = entry.Name;
        }

        // Only now do the sizes fit a file, and so a long.
        return end == data
            ? [.. raw.Select((entry, i) => new SafeTensorsEntry(new TensorInfo(entry.Name, entry.DType, shapes[i]), (long)entry.Begin))]
            : throw error.Length(end, data);
    }

    /// <summary>Checked multiplication, left to right, in bits: a zero extent saves nothing that overflowed before it.</summary>
    private static TensorShape CheckSize(RawEntry entry, SafeTensorsThrow error)
    {
        ulong found = entry.End - entry.Begin, bits;
        try
        {
            ulong count = 1;
            foreach (ulong extent in entry.Shape)
            {
                count = checked(count * extent);
            }

            bits = checked(count * (ulong)entry.DType.Bits());
        }
        catch (OverflowException)
        {
            throw error.Size(entry.Name, entry.DType, Text(entry.Shape), "2^64 bits or more", found);
        }

        if (bits % 8 != 0)
        {
            throw error.Size(entry.Name, entry.DType, Text(entry.Shape), $"{bits} bits, which are not whole bytes", found);
        }

        if (bits / 8 != found)
        {
            throw error.Size(entry.Name, entry.DType, Text(entry.Shape), $"{bits / 8} bytes", found);
        }

        try
        {
            return new TensorShape(Array.ConvertAll(entry.Shape, x => checked((long)x)));
        }
        catch (OverflowException)
        {
            // A zero-sized tensor with extents past 2^63: nothing could index it.
            throw error.Field(entry.Name, "shape", Text(entry.Shape), "extents with a product below 2^63, multiplied from the left (a limit of LayerSwap's own)");
        }
    }

    private static string Text(ulong[] shape) => "[" + string.Join(", ", shape.Select(x => x.ToString(CultureInfo.InvariantCulture))) + "]";
}
