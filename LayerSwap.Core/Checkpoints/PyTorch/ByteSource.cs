using System.Buffers.Binary;
using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints.PyTorch;

/// <summary>Reads a range of a file forwards, through a small buffer. Lengths are checked before memory is allocated.</summary>
internal sealed class ByteSource
{
    private readonly SafeFileHandle _handle;
    private readonly PyTorchThrow _error;
    private readonly long _start, _end;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private long _bufferStart;
    private int _length, _next;

    public ByteSource(SafeFileHandle handle, long start, long end, PyTorchThrow error)
    {
        (_handle, _error, _start, _end) = (handle, error, start, end);
        _bufferStart = start;
    }

    /// <summary>The position in the file.</summary>
    public long Position => _bufferStart + _next;

    /// <summary>The position relative to the start of the range.</summary>
    public long Relative => Position - _start;

    public long Remaining => _end - Position;

    public byte ReadByte()
    {
        if (_next == _length)
        {
            Refill(1);
        }

        return _buffer[_next++];
    }

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort)));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    public int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    public long ReadInt64() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

    public double ReadDoubleBigEndian() => BinaryPrimitives.ReadDoubleBigEndian(Take(sizeof(double)));

    /// <summary>Reads bytes. The length comes from the file and may be anything.</summary>
    public byte[] ReadBytes(ulong length)
    {
        if (length > (ulong)Remaining)
        {
            throw _error.Pickle(Relative, $"a length of {length} bytes, but only {Remaining} are left.");
        }

        byte[] bytes = new byte[length];
        int copied = Math.Min(bytes.Length, _length - _next);
        _buffer.AsSpan(_next, copied).CopyTo(bytes);
        _next += copied;
        if (copied < bytes.Length)
        {
            long position = Position;
            if (!PositionalRead.TryFill(_handle, bytes.AsSpan(copied), position))
            {
                throw _error.Shorter();
            }

            (_bufferStart, _length, _next) = (position + bytes.Length - copied, 0, 0);
        }

        return bytes;
    }

    /// <summary>Reads up to a line feed, which is not part of the result.</summary>
    public byte[] ReadLine(int maxLength)
    {
        List<byte> line = [];
        for (byte b = ReadByte(); b != '\n'; b = ReadByte())
        {
            if (line.Count == maxLength)
            {
                throw _error.Pickle(Relative, $"a line of more than {maxLength} bytes.");
            }

            line.Add(b);
        }

        return [.. line];
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_length - _next < count)
        {
            Refill(count);
        }

        _next += count;
        return _buffer.AsSpan(_next - count, count);
    }

    private void Refill(int needed)
    {
        long position = Position;
        int length = (int)Math.Min(_buffer.Length, _end - position);
        if (length < needed)
        {
            throw _error.Pickle(Relative, "it ends in the middle.");
        }

        if (!PositionalRead.TryFill(_handle, _buffer.AsSpan(0, length), position))
        {
            throw _error.Shorter();
        }

        (_bufferStart, _length, _next) = (position, length, 0);
    }
}
