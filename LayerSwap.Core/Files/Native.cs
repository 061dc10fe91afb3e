using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Files;

/// <summary>The few calls of the C library that the framework lacks or does not check. Where the library has no such call the caller is told, and does the best the framework has.</summary>
internal static partial class Native
{
    private const int Here = -100, ReadOnly = 0, NoReplace = 1, Swap = 2, EmptyPath = 0x1000, BasicStatus = 0x7FF, StatusBytes = 256;
    private const int NotPermitted = 1, NotThere = 2, Exists = 17, CrossDevice = 18, Invalid = 22, TooManyLinks = 31, NotImplemented = 38, NotEmpty = 39, NotSupported = 95;

    /// <summary>Whether a file or folder reached its device. The framework's own call returns normally when it did not.</summary>
    /// <exception cref="IOException">It did not.</exception>
    public static void Sync(SafeFileHandle file, string path)
    {
        if (OperatingSystem.IsWindows())
        {
            RandomAccess.FlushToDisk(file);
        }
        else if (FSync(file) != 0)
        {
            throw Failure("fsync", path, Marshal.GetLastPInvokeError());
        }
    }

    /// <inheritdoc cref="Sync"/>
    public static void SyncFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            // A folder cannot be opened there; its entries are journalled by the file system.
            return;
        }

        using SafeFileHandle folder = Open(path, ReadOnly);
        if (folder.IsInvalid)
        {
            throw Failure("open", path, Marshal.GetLastPInvokeError());
        }

        // A few network file systems cannot sync folders, and say so.
        if (FSync(folder) != 0 && Marshal.GetLastPInvokeError() is int error and not (Invalid or NotSupported))
        {
            throw Failure("fsync", path, error);
        }
    }

    /// <summary>Renames without replacing anything. False where the system cannot.</summary>
    public static bool TryMove(string from, string to) => TryRename(from, to, NoReplace);

    /// <summary>Exchanges the names of two folders at once. False where the system or the file system cannot.</summary>
    public static bool TryExchange(string first, string second) => TryRename(first, second, Swap);

    /// <summary>Gives a file a second name. False where the system or the file system cannot.</summary>
    public static bool TryLink(string from, string to)
    {
        if (OperatingSystem.IsWindows())
        {
            return false;
        }

        if (HardLink(from, to) == 0)
        {
            return true;
        }

        int error = Marshal.GetLastPInvokeError();
        return error is NotPermitted or NotImplemented or NotSupported or TooManyLinks ? false : throw Failure("link", to, error);
    }

    /// <summary>Device, inode, size and time of change, or null where the system has no such call.</summary>
    public static FileIdentity? Identify(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        Span<byte> status = stackalloc byte[StatusBytes];
        try
        {
            return Status(Here, path, 0, BasicStatus, ref MemoryMarshal.GetReference(status)) == 0 ? Read(status) : null;
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <inheritdoc cref="Identify(string)"/>
    public static FileIdentity? Identify(SafeFileHandle file)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        Span<byte> status = stackalloc byte[StatusBytes];
        try
        {
            return StatusOf(file, string.Empty, EmptyPath, BasicStatus, ref MemoryMarshal.GetReference(status)) == 0 ? Read(status) : null;
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The layout of <c>struct statx</c>, the same on every Linux.</summary>
    private static FileIdentity Read(ReadOnlySpan<byte> status) => new()
    {
        Inode = BinaryPrimitives.ReadUInt64LittleEndian(status[32..]),
        Length = BinaryPrimitives.ReadInt64LittleEndian(status[40..]),
        Seconds = BinaryPrimitives.ReadInt64LittleEndian(status[112..]),
        Nanoseconds = BinaryPrimitives.ReadUInt32LittleEndian(status[120..]),
        Device = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(status[136..]) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(status[140..]),
    };

    private static bool TryRename(string from, string to, uint flags)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            if (Rename(Here, from, Here, to, flags) == 0)
            {
                return true;
            }
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }

        int error = Marshal.GetLastPInvokeError();
        return error is Invalid or NotImplemented or NotSupported ? false : throw Failure("rename", to, error);
    }

    private static IOException Failure(string call, string path, int error) => error switch
    {
        NotThere => new FileNotFoundException($"{call} of {Printable.Escape(path)}: {Marshal.GetPInvokeErrorMessage(error)}.", path),
        Exists or NotEmpty => new IOException($"{Printable.Escape(path)} is there already.", error),
        CrossDevice => new IOException($"{Printable.Escape(path)} lies on another file system.", error),
        _ => new IOException($"{call} of {Printable.Escape(path)} failed: {Marshal.GetPInvokeErrorMessage(error)}.", new Win32Exception(error)) { HResult = error },
    };

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int HardLink(string from, string to);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(int fromFolder, string from, int toFolder, string to, uint flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Status(int folder, string path, int flags, uint mask, ref byte status);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatusOf(SafeFileHandle file, string path, int flags, uint mask, ref byte status);
}
