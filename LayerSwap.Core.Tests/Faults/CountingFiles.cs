using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Tests.Faults;

/// <summary>The kind of failure.</summary>
public enum Fault
{
    /// <summary>The disk is full.</summary>
    NoSpace,

    /// <summary>The device fails.</summary>
    DeviceError,

    /// <summary>A write stores half of the bytes without an error. Only writes are counted.</summary>
    ShortWrite,

    /// <summary>The process dies.</summary>
    Kill,
}

/// <summary>
/// A file system in which one call fails. The death of the process is simulated by an exception that the library does not know. Every
/// later call fails too, so the library cannot clean up and the files stay as they were. The failing call is half done where possible.
/// At a real death the system closes all files and releases the locks; here the library's own Dispose calls do that.
/// </summary>
internal sealed class CountingFiles(Fault? fault = null, int at = 0) : IFileOperations
{
    private const int NoSpace = 0x1C, DeviceError = 5;

    private readonly SystemFiles _system = SystemFiles.Instance;
    private readonly Lock _gate = new();
    private bool _dead;

    private enum Course
    {
        Whole,
        Half,
        Death,
    }

    /// <summary>Called before every call until the simulated death, with its 1-based number.</summary>
    public Action<int>? OnCall { get; init; }

    /// <summary>Whether the names of two folders cannot be exchanged, as on some file systems.</summary>
    public bool WithoutExchange { get; init; }

    /// <summary>Whether a file has one name only, as on some file systems.</summary>
    public bool WithoutLinks { get; init; }

    /// <summary>The reported free space in bytes. Null for the real value.</summary>
    public long? Free { get; init; }

    public List<string> SyncedFolders { get; } = [];

    public int Calls { get; private set; }

    /// <summary>Whether the failing call was reached.</summary>
    public bool Struck { get; private set; }

    public void CreateFolder(string path)
    {
        Require(Next());
        _system.CreateFolder(path);
    }

    public SafeFileHandle Create(string path, long length)
    {
        if (Next() == Course.Death)
        {
            // The file exists, but no space is reserved yet.
            _system.Create(path, 0).Dispose();
            throw new DeathException();
        }

        return _system.Create(path, length);
    }

    public SafeFileHandle Open(string path)
    {
        Require(Next());
        return _system.Open(path);
    }

    public void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
    {
        Course course = Next(isWrite: true);
        _system.Write(file, course == Course.Whole ? bytes : bytes[..(bytes.Length / 2)], offset);
        Require(course);
    }

    public bool TryRead(SafeFileHandle file, Span<byte> destination, long offset)
    {
        Require(Next());
        return _system.TryRead(file, destination, offset);
    }

    public void Sync(SafeFileHandle file, string path)
    {
        Require(Next());
        _system.Sync(file, path);
    }

    public void SyncFolder(string path)
    {
        Require(Next());
        _system.SyncFolder(path);
        SyncedFolders.Add(path);
    }

    public void Link(string from, string to)
    {
        Require(Next());
        if (WithoutLinks)
        {
            _system.Move(from, to);
        }
        else
        {
            _system.Link(from, to);
        }
    }

    public void Move(string from, string to)
    {
        Require(Next());
        _system.Move(from, to);
    }

    public bool TryExchange(string first, string second)
    {
        Require(Next());
        return !WithoutExchange && _system.TryExchange(first, second);
    }

    public void Replace(string from, string to)
    {
        Require(Next());
        _system.Replace(from, to);
    }

    public void DeleteFile(string path)
    {
        Require(Next());
        _system.DeleteFile(path);
    }

    public void DeleteFolder(string path)
    {
        if (Next() == Course.Death)
        {
            foreach (string file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Take(2))
            {
                _system.DeleteFile(file);
            }

            throw new DeathException();
        }

        _system.DeleteFolder(path);
    }

    public long FreeBytes(string folder)
    {
        Require(Next());
        return Free ?? _system.FreeBytes(folder);
    }

    private static void Require(Course course)
    {
        if (course == Course.Death)
        {
            throw new DeathException();
        }
    }

    private Course Next(bool isWrite = false)
    {
        int call;
        lock (_gate)
        {
            if (_dead)
            {
                throw new DeathException();
            }

            if (fault == Fault.ShortWrite && !isWrite)
            {
                return Course.Whole;
            }

            call = ++Calls;
            Struck |= fault is not null && call == at;
            _dead = call == at && fault == Fault.Kill;
        }

        OnCall?.Invoke(call);
        return call != at ? Course.Whole : fault switch
        {
            Fault.NoSpace => throw new IOException("No space left on device", NoSpace),
            Fault.DeviceError => throw new IOException("Input/output error", DeviceError),
            Fault.ShortWrite => Course.Half,
            Fault.Kill => Course.Death,
            _ => Course.Whole,
        };
    }
}

/// <summary>The process died here.</summary>
internal sealed class DeathException() : Exception("The process died here.");
