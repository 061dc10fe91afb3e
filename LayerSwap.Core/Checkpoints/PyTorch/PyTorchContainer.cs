using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints.PyTorch;

/// <summary>The content of a file, and where its storages are: a zip file, or the legacy stream of torch before 1.6.</summary>
internal abstract class PyTorchContainer
{
    /// <summary>The longest pickle that is read.</summary>
    protected const long MaxPickleLength = 256_000_000;

    /// <summary>The pickled object.</summary>
    public object? Content { get; protected set; }

    /// <summary>SHA-256 of the pickle, lower-case hexadecimal.</summary>
    public string Hash { get; private set; } = "";

    /// <summary>Whether a file begins as a PyTorch file: a zip, or a pickle of protocol 2 or later.</summary>
    /// <param name="first">The first bytes, at least 9.</param>
    public static bool IsPyTorch(ReadOnlySpan<byte> first) =>
        first.Length > 8 && first[8] != (byte)'{' && (first.StartsWith("PK\x03\x04"u8) || IsPickle(first));

    public static PyTorchContainer Read(SafeFileHandle handle, long length, PyTorchThrow error)
    {
        byte[] first = new byte[2];
        return length >= first.Length && PositionalRead.TryFill(handle, first, 0) && IsPickle(first)
            ? new LegacyContainer(handle, length, error)
            : new ZipContainer(handle, length, error);
    }

    /// <summary>Finds a storage's bytes.</summary>
    public abstract StoragePlace Place(TorchStorage storage, string tensor, PyTorchThrow error);

    private static bool IsPickle(ReadOnlySpan<byte> first) => first[0] == 0x80 && first[1] is >= 2 and <= 5;

    /// <summary>Sets <see cref="Hash"/> from the bytes of the pickle.</summary>
    /// <returns>Their CRC-32.</returns>
    protected uint ComputeHashes(SafeFileHandle handle, long start, long length, PyTorchThrow error)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Crc32 crc = new();
        void Append(ReadOnlySpan<byte> block)
        {
            hash.AppendData(block);
            crc.Append(block);
        }

        if (!PositionalRead.TryStream(handle, start, length, Append))
        {
            throw error.Shorter();
        }

        Hash = Convert.ToHexStringLower(hash.GetHashAndReset());
        return crc.GetCurrentHashAsUInt32();
    }
}

/// <summary>The bytes of a storage in the file.</summary>
internal sealed class StoragePlace(string entry, long start, long length, uint? crc)
{
    private readonly Lock _lock = new();
    private bool _checked = crc is null;

    public long Start => start;

    /// <summary>Compares the CRC-32 when the storage is read for the first time.</summary>
    public void CheckCrc(SafeFileHandle handle, CheckpointFile file, string tensor, PyTorchThrow error)
    {
        lock (_lock)
        {
            if (_checked)
            {
                return;
            }

            Crc32 found = new();
            if (!PositionalRead.TryStream(handle, start, length, found.Append))
            {
                throw InputFile.CutShort(file, tensor);
            }

            _checked = found.GetCurrentHashAsUInt32() == crc ? true : throw error.Checksum(tensor, entry);
        }
    }
}

/// <summary>A zip file: <c>root/data.pkl</c>, and one uncompressed entry <c>root/data/KEY</c> for each storage.</summary>
internal sealed class ZipContainer : PyTorchContainer
{
    private const string PickleName = "/data.pkl";
    private const int MaxSmallEntry = 100;

    private readonly IReadOnlyDictionary<string, ZipEntry> _entries;
    private readonly Dictionary<string, StoragePlace> _places = new(StringComparer.Ordinal);
    private readonly string _root;

    public ZipContainer(SafeFileHandle handle, long length, PyTorchThrow error)
    {
        _entries = ZipDirectory.Read(handle, length, error);
        string[] pickles = [.. _entries.Keys.Where(n => n.EndsWith(PickleName, StringComparison.Ordinal))];
        if (pickles is not [var name] || name.IndexOf('/', StringComparison.Ordinal) != name.Length - PickleName.Length)
        {
            throw error.Container($"its zip has {pickles.Length} entries named NAME/data.pkl; one is expected.");
        }

        _root = name[..^PickleName.Length];
        if (_entries.Keys.FirstOrDefault(n => !n.StartsWith(_root + "/", StringComparison.Ordinal)) is { } outside)
        {
            throw error.Container($"its zip entry {Printable.Escape(outside)} is not below {Printable.Escape(_root)}/.");
        }

        if (_entries.Keys.Any(n => n == _root + "/constants.pkl" || n.StartsWith(_root + "/code/", StringComparison.Ordinal)))
        {
            throw error.Content("it is a TorchScript archive, which holds code.");
        }

        RequireText(handle, "version", "3", "version 3", error);
        RequireText(handle, ".format_version", "1", "format version 1", error);
        RequireText(handle, "byteorder", "little", "little-endian numbers (torch.load and torch.save on this machine convert it)", error);
        ZipEntry pickle = _entries[name];
        if (pickle.Length > MaxPickleLength || ComputeHashes(handle, pickle.Start, pickle.Length, error) != pickle.Crc)
        {
            throw error.Container($"its pickle has {pickle.Length} bytes (at most {MaxPickleLength} are read), or a wrong CRC-32.");
        }

        ByteSource source = new(handle, pickle.Start, pickle.Start + pickle.Length, error);
        Content = new PickleReader(source, error).Read();
        if (source.Remaining > 0)
        {
            throw error.Pickle(source.Relative, $"{source.Remaining} bytes follow STOP.");
        }
    }

    public override StoragePlace Place(TorchStorage storage, string tensor, PyTorchThrow error)
    {
        if (_places.TryGetValue(storage.Key, out StoragePlace? place))
        {
            return place;
        }

        string name = $"{_root}/data/{storage.Key}";
        if (!_entries.TryGetValue(name, out ZipEntry? entry))
        {
            throw error.Tensor(tensor, $"its storage {Printable.Escape(name)} is missing in the zip.");
        }

        Int128 expected = (Int128)storage.Count * TorchTypes.Width(storage);
        if (entry.Length != expected)
        {
            throw error.Tensor(tensor,
                $"its storage {Printable.Escape(name)} has {entry.Length} bytes; {expected} are expected.");
        }

        return _places[storage.Key] = new StoragePlace(name, entry.Start, entry.Length, entry.Crc);
    }

    /// <summary>Checks a small text entry, if it exists.</summary>
    private void RequireText(SafeFileHandle handle, string name, string required, string expected, PyTorchThrow error)
    {
        if (!_entries.TryGetValue($"{_root}/{name}", out ZipEntry? entry))
        {
            return;
        }

        byte[] bytes = new byte[Math.Min(entry.Length, MaxSmallEntry)];
        string text = PositionalRead.TryFill(handle, bytes, entry.Start) ? Encoding.UTF8.GetString(bytes).Trim() : "";
        if (entry.Length > MaxSmallEntry || text != required)
        {
            string shown = text == "big" ? "big-endian numbers" : $"{Printable.Escape(name)} \"{Printable.Escape(text)}\"";
            throw error.Container($"it has {shown}; {expected} is expected.");
        }
    }
}

/// <summary>The legacy stream: magic number, protocol, system, object, storage keys, and the storages with their lengths.</summary>
internal sealed class LegacyContainer : PyTorchContainer
{
    /// <summary>0x1950A86A20F9469CFC6C, which does not fit 64 bits.</summary>
    private const string Magic = "119547037146038801333356";

    private const long Protocol = 1001;

    private readonly Dictionary<string, StoragePlace> _places = new(StringComparer.Ordinal);

    public LegacyContainer(SafeFileHandle handle, long length, PyTorchThrow error)
    {
        ByteSource source = new(handle, 0, length, error);
        PickleReader reader = new(source, error);
        if (reader.Read() is not PickleInert { Description: Magic })
        {
            throw error.Content("it is a pickle, but not one of torch's.");
        }

        if (reader.Read() is not Protocol)
        {
            throw error.Container($"it is a legacy file of another protocol; {Protocol} is expected.");
        }

        if (reader.Read() is not PickleDictionary system
            || Get(system, "protocol_version") is not Protocol
            || Get(system, "little_endian") is not true)
        {
            throw error.Container("it is a legacy file of a big-endian machine, or says nothing of it.");
        }

        Content = reader.Read();
        if (reader.Read() is not PickleSequence { IsTuple: false } keys || keys.Items.Any(k => k is not string))
        {
            throw error.Container("its list of storage keys is missing.");
        }

        if (source.Position > MaxPickleLength)
        {
            throw error.Container($"its pickles have {source.Position} bytes; at most {MaxPickleLength} are read.");
        }

        ComputeHashes(handle, 0, source.Position, error);
        long position = ReadStorages(handle, reader, [.. keys.Items.Cast<string>()], source.Position, length, error);
        if (position != length)
        {
            throw error.Container($"{length - position} bytes follow its last storage.");
        }
    }

    public override StoragePlace Place(TorchStorage storage, string tensor, PyTorchThrow error) =>
        _places.TryGetValue(storage.Key, out StoragePlace? place)
            ? place
            : throw error.Tensor(tensor, $"its storage {storage.Key} is missing in the file.");

    private long ReadStorages(
        SafeFileHandle handle, PickleReader reader, string[] keys, long position, long length, PyTorchThrow error)
    {
        foreach (string key in keys)
        {
            if (!reader.Storages.TryGetValue(key, out TorchStorage? storage) || _places.ContainsKey(key))
            {
                throw error.Container($"its list of storages names {Printable.Escape(key)} twice, or no tensor uses it.");
            }

            byte[] count = new byte[sizeof(long)];
            if (!PositionalRead.TryFill(handle, count, position) || BitConverter.ToInt64(count) != storage.Count)
            {
                throw error.Container($"storage {key} has another number of elements than the pickle says, or is cut off.");
            }

            position += count.Length;
            Int128 bytes = (Int128)storage.Count * TorchTypes.Width(storage);
            if (bytes > length - position)
            {
                throw error.Container($"storage {key} needs {bytes} bytes; {length - position} are left.");
            }

            _places.Add(key, new StoragePlace(key, position, (long)bytes, crc: null));
            position += (long)bytes;
        }

        return position;
    }

    private static object? Get(PickleDictionary dictionary, string key) =>
        dictionary.Items.FirstOrDefault(i => i.Key is string text && text == key).Value;
}
