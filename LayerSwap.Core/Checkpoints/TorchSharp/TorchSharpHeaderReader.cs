using System.Security.Cryptography;
using System.Text;
using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints.TorchSharp;

/// <summary>The tensors of a file with the offsets of their data, and a hash of all that is no data.</summary>
internal sealed record TorchSharpHeader(IReadOnlyList<(TensorInfo Tensor, long Offset)> Tensors, string Hash);

/// <summary>Reads all entries of a file, skipping the data. Every number is checked against the bytes that are left.</summary>
internal sealed class TorchSharpHeaderReader
{
    /// <summary>The longest entry without its data: a name, and 66 numbers.</summary>
    private const int WindowLength = TorchSharpFormat.MaxNameLength + 1024;

    /// <summary>The length of a 64-bit number in LEB128.</summary>
    private const int MaxNumberLength = 10;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly SafeFileHandle _handle;
    private readonly TorchSharpThrow _error;
    private readonly long _length;
    private readonly byte[] _window = new byte[WindowLength];
    private long _windowStart;
    private int _windowLength, _next;

    private TorchSharpHeaderReader(SafeFileHandle handle, TorchSharpThrow error)
    {
        (_handle, _error, _length) = (handle, error, RandomAccess.GetLength(handle));
        MoveTo(0);
    }

    private long Position => _windowStart + _next;

    public static TorchSharpHeader Read(SafeFileHandle handle, TorchSharpThrow error) => new TorchSharpHeaderReader(handle, error).Read();

    private TorchSharpHeader Read()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        ulong count = ReadNumber(0);
        hash.AppendData(_window, 0, _next);
        if (count == 0 || count > (ulong)(_length / TorchSharpFormat.MinEntryLength))
        {
            throw _error.File($"it has {count} entries in {_length} bytes.");
        }

        List<(TensorInfo Tensor, long Offset)> tensors = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        for (int i = 0; i < (int)count; i++)
        {
            MoveTo(Position);
            int start = _next;
            TensorInfo tensor = ReadEntry(i);
            if (!names.Add(tensor.Name))
            {
                throw _error.Tensor(tensor.Name, "its name occurs twice.");
            }

            if (tensor.ByteLength > _length - Position)
            {
                throw _error.Tensor(tensor.Name, $"{tensor} needs {tensor.ByteLength} bytes, but {_length - Position} are left.");
            }

            hash.AppendData(_window, start, _next - start);
            tensors.Add((tensor, Position));
            MoveTo(Position + tensor.ByteLength);
        }

        return Position == _length
            ? new TorchSharpHeader(tensors, Convert.ToHexStringLower(hash.GetHashAndReset()))
            : throw _error.File($"{_length - Position} bytes follow its last entry.");
    }

    private TensorInfo ReadEntry(int index)
    {
        string name = ReadName(index);
        ulong code = ReadNumber(index), rank = ReadNumber(index);
        if (TorchSharpFormat.ToDType(code) is not { } dtype)
        {
            throw TorchSharpFormat.NameOther(code) is { } other
                ? _error.NoType(name, other)
                : _error.Tensor(name, $"its dtype is number {code}, which does not exist.");
        }

        if (rank > TorchSharpFormat.MaxRank)
        {
            throw _error.Tensor(name, $"it has {rank} axes; at most {TorchSharpFormat.MaxRank} are accepted.");
        }

        long[] extents = new long[rank];
        for (int axis = 0; axis < extents.Length; axis++)
        {
            ulong extent = ReadNumber(index);
            extents[axis] = extent <= long.MaxValue ? (long)extent : throw _error.Tensor(name, $"an extent of {extent}.");
        }

        try
        {
            // A product without the zeros must fit too: no library makes such a tensor.
            _ = new TensorShape([.. extents.Where(e => e > 0)]);
            return new TensorInfo(name, dtype, new TensorShape(extents));
        }
        catch (OverflowException)
        {
            throw _error.Tensor(name, $"its shape [{string.Join(", ", extents)}] has too many elements.");
        }
    }

    private string ReadName(int index)
    {
        ulong length = ReadNumber(index);
        if (length == 0 || length > TorchSharpFormat.MaxNameLength || length > (ulong)(_length - Position))
        {
            throw _error.Entry(index, $"a name of {length} bytes.");
        }

        if (_windowLength - _next < (int)length)
        {
            throw _error.Entry(index, "it ends within its name.");
        }

        string name;
        try
        {
            name = StrictUtf8.GetString(_window, _next, (int)length);
        }
        catch (DecoderFallbackException)
        {
            throw _error.Entry(index, "its name is not valid UTF-8.");
        }

        _next += (int)length;
        return name.Any(char.IsControl) ? throw _error.Tensor(name, "its name has control characters.") : name;
    }

    /// <summary>Reads a number of at most 64 bits. Longer forms than needed are accepted.</summary>
    private ulong ReadNumber(int index)
    {
        UInt128 number = 0;
        for (int i = 0; i < MaxNumberLength; i++)
        {
            if (_next == _windowLength)
            {
                throw _error.Entry(index, "the file ends within it.");
            }

            byte b = _window[_next++];
            number |= (UInt128)(b & 0x7Fu) << (7 * i);
            if (b < 0x80)
            {
                return number <= ulong.MaxValue ? (ulong)number : throw _error.Entry(index, "a number of more than 64 bits.");
            }
        }

        throw _error.Entry(index, $"a number of more than {MaxNumberLength} bytes.");
    }

    private void MoveTo(long position)
    {
        _windowLength = (int)Math.Min(WindowLength, _length - position);
        (_windowStart, _next) = (position, 0);
        if (!PositionalRead.TryFill(_handle, _window.AsSpan(0, _windowLength), position))
        {
            throw _error.File("it became shorter while it was read.");
        }
    }
}
