using System.Buffers.Binary;
using System.Text;
using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints.PyTorch;

/// <summary>An entry of a zip file.</summary>
/// <param name="Name">The full name.</param>
/// <param name="Start">The offset of its first byte in the file.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Crc">The CRC-32 of its bytes.</param>
internal sealed record ZipEntry(string Name, long Start, long Length, uint Crc);

/// <summary>
/// The central directory of an uncompressed zip file, checked against every local header: names, methods, flags, sizes, no overlap,
/// nothing before or after. System.IO.Compression checks none of these.
/// </summary>
internal static class ZipDirectory
{
    private const uint LocalSignature = 0x04034B50, CentralSignature = 0x02014B50, EndSignature = 0x06054B50,
        End64Signature = 0x06064B50, LocatorSignature = 0x07064B50, DescriptorSignature = 0x08074B50;

    private const int LocalLength = 30, CentralLength = 46, EndLength = 22, End64Length = 56, LocatorLength = 20;

    /// <summary>The flags of entries: sizes follow the data, names are UTF-8. Others mean encryption or patches.</summary>
    private const int SizesFollow = 0x0008, Utf8Names = 0x0800;

    private const int Zip64Field = 1;
    private const uint In64 = uint.MaxValue;

    /// <summary>The longest central directory that is read. An entry takes about 100 bytes.</summary>
    private const long MaxDirectoryLength = 100_000_000;

    public static IReadOnlyDictionary<string, ZipEntry> Read(SafeFileHandle handle, long fileLength, PyTorchThrow error)
    {
        byte[] end = ReadAt(handle, fileLength - EndLength, EndLength, error);
        if (U32(end, 0) != EndSignature || U16(end, 20) != 0)
        {
            throw error.Container(
                "it begins as a zip file, but its end record is missing or not at the end: it is cut short, or bytes follow.");
        }

        (long count, long start, long length, long endOfDirectory) = ReadEnd(handle, end, fileLength, error);
        if (length > MaxDirectoryLength || start < 0 || length < 0 || start != endOfDirectory - length)
        {
            throw error.Container($"its zip directory of {length} bytes at {start} does not end where the end records begin.");
        }

        byte[] directory = ReadAt(handle, start, (int)length, error);
        Dictionary<string, ZipEntry> entries = new(StringComparer.Ordinal);
        List<(long Begin, long End, string Name)> ranges = [];
        int position = 0;
        for (long i = 0; i < count; i++)
        {
            (ZipEntry entry, long begin, long last) = ReadEntry(handle, directory, ref position, start, error);
            if (!entries.TryAdd(entry.Name, entry))
            {
                throw error.Container($"its zip has two entries named {Printable.Escape(entry.Name)}.");
            }

            ranges.Add((begin, last, entry.Name));
        }

        if (position != directory.Length)
        {
            throw error.Container("its zip directory has bytes after its last entry.");
        }

        CheckRanges(ranges, start, error);
        return entries;
    }

    /// <summary>Reads the end records. The zip64 record is optional, and must agree with the short one.</summary>
    private static (long Count, long Start, long Length, long End) ReadEnd(
        SafeFileHandle handle, byte[] end, long fileLength, PyTorchThrow error)
    {
        (long count, long length, long start) = (U16(end, 10), U32(end, 12), U32(end, 16));
        if (U16(end, 4) != 0 || U16(end, 6) != 0 || U16(end, 8) != count)
        {
            throw error.Container("its zip is one of several disks.");
        }

        long before = fileLength - EndLength;
        if (before < LocatorLength + End64Length
            || ReadAt(handle, before - LocatorLength, LocatorLength, error) is not { } locator
            || U32(locator, 0) != LocatorSignature)
        {
            return count == ushort.MaxValue || length == In64 || start == In64
                ? throw error.Container("its zip64 end record is missing.")
                : (count, start, length, before);
        }

        long end64 = I64(locator, 8);
        if (end64 != before - LocatorLength - End64Length)
        {
            throw error.Container("its zip64 locator does not point to the zip64 end record.");
        }

        byte[] record = ReadAt(handle, end64, End64Length, error);
        (long count64, long length64, long start64) = (I64(record, 32), I64(record, 40), I64(record, 48));
        bool agrees = U32(record, 0) == End64Signature && I64(record, 4) == End64Length - 12
            && U32(record, 16) == 0 && U32(record, 20) == 0 && I64(record, 24) == count64
            && (count == count64 || count == ushort.MaxValue)
            && (length == length64 || length == In64)
            && (start == start64 || start == In64)
            && count64 >= 0 && length64 >= 0 && start64 >= 0;
        return agrees ? (count64, start64, length64, end64) : throw error.Container("its two zip end records disagree.");
    }

    /// <summary>Reads an entry of the directory and its local header.</summary>
    /// <returns>The entry, and the range of all its bytes in the file.</returns>
    private static (ZipEntry Entry, long Begin, long End) ReadEntry(
        SafeFileHandle handle, byte[] directory, ref int position, long directoryStart, PyTorchThrow error)
    {
        if (directory.Length - position < CentralLength || U32(directory, position) != CentralSignature)
        {
            throw error.Container("its zip directory is damaged.");
        }

        ReadOnlySpan<byte> fixedPart = directory.AsSpan(position, CentralLength);
        int flags = U16(fixedPart, 8), method = U16(fixedPart, 10);
        (uint crc, long stored, long length, long local) =
            (U32(fixedPart, 16), U32(fixedPart, 20), U32(fixedPart, 24), U32(fixedPart, 42));
        int nameLength = U16(fixedPart, 28), extraLength = U16(fixedPart, 30), commentLength = U16(fixedPart, 32);
        position += CentralLength;
        if (directory.Length - position < nameLength + extraLength + commentLength)
        {
            throw error.Container("its zip directory is damaged.");
        }

        byte[] name = directory[position..(position + nameLength)];
        string text = Encoding.UTF8.GetString(name), shown = Printable.Escape(text);
        ReadZip64(directory.AsSpan(position + nameLength, extraLength), ref length, ref stored, ref local, shown, error);
        position += nameLength + extraLength + commentLength;
        if ((flags & ~(SizesFollow | Utf8Names)) != 0)
        {
            throw error.Container($"its zip entry {shown} is encrypted, or has flags of another kind (0x{flags:X4}).");
        }

        if (method != 0 || stored != length)
        {
            throw error.Container($"its zip entry {shown} is compressed; torch writes uncompressed entries, and only those are read.");
        }

        byte[] header = ReadAt(handle, local, LocalLength, error);
        long dataStart = checked(local + LocalLength + U16(header, 26) + U16(header, 28));
        if (U32(header, 0) != LocalSignature || dataStart > directoryStart - length
            || !ReadAt(handle, local + LocalLength, U16(header, 26), error).AsSpan().SequenceEqual(name)
            || U16(header, 6) != flags || U16(header, 8) != method)
        {
            throw error.Container($"the local header of its zip entry {shown} does not agree with the directory.");
        }

        byte[] extra = ReadAt(handle, local + LocalLength + nameLength, U16(header, 28), error);
        (uint localCrc, long localStored, long localSize, long unused) = (U32(header, 14), U32(header, 18), U32(header, 22), 0);
        ReadZip64(extra, ref localSize, ref localStored, ref unused, shown, error);
        bool follows = (flags & SizesFollow) != 0;
        bool agrees = Agrees(localCrc, crc) && Agrees(localStored, length) && Agrees(localSize, length);
        if (!agrees)
        {
            throw error.Container($"CRC or sizes in the local header of its zip entry {shown} do not agree with the directory.");
        }

        long last = dataStart + length;
        long end = follows ? SkipDescriptor(handle, last, crc, length, shown, error) : last;
        return (new ZipEntry(text, dataStart, length, crc), local, end);

        // Writers that learn the sizes after the data leave zeros here.
        bool Agrees(long found, long expected) => found == expected || (follows && found == 0);
    }

    /// <summary>Checks the data descriptor: signature, CRC and two sizes of 4 or 8 bytes.</summary>
    /// <returns>The offset after it.</returns>
    private static long SkipDescriptor(SafeFileHandle handle, long position, uint crc, long length, string shown, PyTorchThrow error)
    {
        const int Short = 16, Long = 24;
        byte[] bytes = ReadAt(handle, position, Long, error);
        if (U32(bytes, 0) == DescriptorSignature && U32(bytes, 4) == crc)
        {
            if (U32(bytes, 8) == length && U32(bytes, 12) == length)
            {
                return position + Short;
            }

            if (I64(bytes, 8) == length && I64(bytes, 16) == length)
            {
                return position + Long;
            }
        }

        throw error.Container($"the data descriptor of its zip entry {shown} does not agree with the directory.");
    }

    /// <summary>Reads 64-bit sizes and offsets from the zip64 extra field.</summary>
    private static void ReadZip64(
        ReadOnlySpan<byte> extra, ref long length, ref long stored, ref long local, string shown, PyTorchThrow error)
    {
        while (extra.Length >= 4)
        {
            int id = U16(extra, 0), size = U16(extra, 2);
            if (size > extra.Length - 4)
            {
                break;
            }

            if (id == Zip64Field)
            {
                ReadOnlySpan<byte> field = extra.Slice(4, size);
                if (!Take(ref length, ref field) || !Take(ref stored, ref field) || !Take(ref local, ref field))
                {
                    throw error.Container($"the zip64 field of its zip entry {shown} is too short, or has negative numbers.");
                }
            }

            extra = extra[(4 + size)..];
        }

        static bool Take(ref long number, ref ReadOnlySpan<byte> field)
        {
            if (number != In64)
            {
                return true;
            }

            if (field.Length < sizeof(long))
            {
                return false;
            }

            number = BinaryPrimitives.ReadInt64LittleEndian(field);
            field = field[sizeof(long)..];
            return number >= 0;
        }
    }

    /// <summary>Checks that entries begin at 0, do not overlap, and leave no room for others.</summary>
    private static void CheckRanges(List<(long Begin, long End, string Name)> ranges, long directoryStart, PyTorchThrow error)
    {
        ranges.Sort();
        long previous = 0;
        foreach ((long begin, long end, string name) in ranges)
        {
            if (begin != previous)
            {
                string what = begin < previous ? "overlaps another" : "follows bytes that belong to none";
                throw error.Container($"its zip entry {Printable.Escape(name)} {what}.");
            }

            previous = end;
        }

        if (previous != directoryStart)
        {
            throw error.Container("its zip has bytes between the last entry and the directory.");
        }
    }

    private static byte[] ReadAt(SafeFileHandle handle, long offset, int length, PyTorchThrow error)
    {
        byte[] bytes = new byte[length];
        return offset >= 0 && PositionalRead.TryFill(handle, bytes, offset)
            ? bytes
            : throw error.Container("it begins as a zip file, but ends too soon or has offsets beyond its end.");
    }

    private static ushort U16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static long I64(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadInt64LittleEndian(bytes[offset..]);
}
