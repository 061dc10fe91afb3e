using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.IO;

/// <summary>
/// C library calls that .NET lacks or does not check. Methods return false if the system does not support a call, and callers fall back to
/// .NET.
/// </summary>
internal static partial class Native
{
    /// <summary>AT_FDCWD: relative paths start at the current folder.</summary>
    private const int CurrentFolder = -100;

    /// <summary>Flags of renameat2(2).</summary>
    private const int NoReplace = 1, Exchange = 2;

    /// <summary>Flags, mask and buffer size of statx(2).</summary>
    private const int EmptyPath = 0x1000, NoFollowStatus = 0x100, BasicStatus = 0x7FF, StatusBytes = 256;

    /// <summary>Flags and mode (0644) of open(2). NoFollow has another value on ARM.</summary>
    private const int ReadOnly = 0, ReadWrite = 2, CreateIfMissing = 0x40, NoTerminal = 0x100, NonBlocking = 0x800, CloseOnExec = 0x80000,
        DefaultMode = 0x1A4;

    private static readonly int NoFollow =
        RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64 ? 0x8000 : 0x20000;

    /// <summary>Flags of flock(2), posix_fadvise(2) and access(2).</summary>
    private const int LockExclusive = 2, LockNonBlocking = 4, LockRelease = 8, Sequential = 2, WriteAccess = 2;

    /// <summary>Values of errno.</summary>
    private const int NotPermitted = 1, NotFound = 2, WouldBlock = 11, Denied = 13, Exists = 17, CrossDevice = 18, NotAFolder = 20,
        Invalid = 22, TooManyOpenInSystem = 23, TooManyOpen = 24, TooManyLinks = 31, NameTooLong = 36, NotImplemented = 38, NotEmpty = 39,
        LinkLoop = 40, NotSupported = 95;

    /// <summary>Flushes a file to its device. The .NET call does not report failures.</summary>
    /// <exception cref="IOException">The bytes did not reach the device.</exception>
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
            // Folders cannot be opened on Windows; the file system journals their entries.
            return;
        }

        using SafeFileHandle folder = Open(path, ReadOnly, 0);
        if (folder.IsInvalid)
        {
            throw Failure("open", path, Marshal.GetLastPInvokeError());
        }

        // Some network file systems cannot sync folders and return these errors.
        if (FSync(folder) != 0 && Marshal.GetLastPInvokeError() is int error and not (Invalid or NotSupported))
        {
            throw Failure("fsync", path, error);
        }
    }

    /// <summary>Renames without replacing an existing path. False if the system does not support it.</summary>
    public static bool TryMove(string from, string to) => TryRename(from, to, NoReplace);

    /// <summary>Exchanges the names of two folders atomically. False if the system or file system does not support it.</summary>
    public static bool TryExchange(string first, string second) => TryRename(first, second, Exchange);

    /// <summary>Creates a hard link. False if the system or file system does not support it.</summary>
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
        return error is NotPermitted or NotImplemented or NotSupported or TooManyLinks
            ? false
            : throw Failure("link", to, error);
    }

    /// <summary>Reads the status of a path.</summary>
    /// <returns>Null if the path does not exist.</returns>
    /// <exception cref="IOException">The status cannot be read.</exception>
    public static FileStatus? Status(string path, bool follow)
    {
        Span<byte> status = stackalloc byte[StatusBytes];
        if (StatX(CurrentFolder, path, follow ? 0 : NoFollowStatus, BasicStatus, ref MemoryMarshal.GetReference(status)) == 0)
        {
            return ParseStatus(status);
        }

        int error = Marshal.GetLastPInvokeError();
        return error is NotFound or NotAFolder or LinkLoop or NameTooLong ? null : throw Failure("stat", path, error);
    }

    /// <summary>Reads the status of an open file.</summary>
    /// <exception cref="IOException">The status cannot be read.</exception>
    public static FileStatus Status(SafeFileHandle file)
    {
        Span<byte> status = stackalloc byte[StatusBytes];
        return StatX(file, string.Empty, EmptyPath, BasicStatus, ref MemoryMarshal.GetReference(status)) == 0
            ? ParseStatus(status)
            : throw Failure("stat", "an open file", Marshal.GetLastPInvokeError());
    }

    /// <summary>Whether this process may write to a file or folder.</summary>
    public static bool CanWrite(string path) => Access(path, WriteAccess) == 0;

    /// <summary>Opens a regular file for reading. Does not block on a pipe.</summary>
    /// <exception cref="IOException">The file cannot be opened, or is not a regular file.</exception>
    /// <exception cref="UnauthorizedAccessException">Permission to read is missing.</exception>
    public static SafeFileHandle OpenToRead(string path)
    {
        SafeFileHandle file = OpenRegular(path, ReadOnly);
        // Doubles the kernel's read-ahead: uncached reads are an eighth faster. Only a hint, so the result is ignored.
        _ = FAdvise(file, 0, 0, Sequential);
        return file;
    }

    /// <summary>Opens a regular file without other hard links for reading and writing. Does not follow symbolic links.</summary>
    /// <exception cref="IOException">The file cannot be opened, is not a regular file, or has other hard links.</exception>
    /// <exception cref="UnauthorizedAccessException">Permission to write is missing.</exception>
    public static SafeFileHandle OpenToWrite(string path)
    {
        SafeFileHandle file = OpenRegular(path, ReadWrite | NoFollow);
        if (Status(file).Links == 1)
        {
            return file;
        }

        file.Dispose();
        throw new IOException($"{Printable.Escape(path)} has several hard links: writing to it would change all of them.");
    }

    /// <summary>Opens or creates a file and locks it until the process ends. Does not follow symbolic links.</summary>
    /// <returns>Null if another process holds the lock.</returns>
    /// <exception cref="IOException">The file cannot be opened, or is not a regular file.</exception>
    /// <exception cref="UnauthorizedAccessException">Permission to write is missing.</exception>
    public static SafeFileHandle? TryLock(string path)
    {
        SafeFileHandle file = OpenRegular(path, ReadWrite | NoFollow | CreateIfMissing);
        // Any other error means that the file system has no locks; then the file is used without one.
        if (FLock(file, LockExclusive | LockNonBlocking) == 0 || Marshal.GetLastPInvokeError() != WouldBlock)
        {
            return file;
        }

        file.Dispose();
        return null;
    }

    /// <summary>Releases a lock. Closing the file does not while a child process that is starting still has it open.</summary>
    public static void Unlock(SafeFileHandle file) => _ = FLock(file, LockRelease);

    private static SafeFileHandle OpenRegular(string path, int flags)
    {
        SafeFileHandle file = Open(path, flags | NonBlocking | CloseOnExec | NoTerminal, DefaultMode);
        if (file.IsInvalid)
        {
            int error = Marshal.GetLastPInvokeError();
            file.Dispose();
            throw error is Denied or NotPermitted
                ? new UnauthorizedAccessException($"{Printable.Escape(path)} cannot be opened: {Marshal.GetPInvokeErrorMessage(error)}.")
                : Failure("open", path, error);
        }

        try
        {
            return Status(file).Kind == FileKind.File
                ? RequireSeekable(file, path)
                : throw new IOException($"{Printable.Escape(path)} is not a regular file.");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Checks that a file is seekable. If it is not, .NET ignores offsets and uses the current position.</summary>
    /// <exception cref="IOException">The file is not seekable.</exception>
    public static SafeFileHandle RequireSeekable(SafeFileHandle file, string path)
    {
        try
        {
            _ = RandomAccess.GetLength(file);
            return file;
        }
        catch (NotSupportedException e)
        {
            throw new IOException($"{Printable.Escape(path)} does not support reads and writes at an offset (lseek failed).", e);
        }
    }

    /// <summary>Parses <c>struct statx</c>, which has the same layout on every Linux.</summary>
    private static FileStatus ParseStatus(ReadOnlySpan<byte> status) => new(
        (BinaryPrimitives.ReadUInt16LittleEndian(status[28..]) & 0xF000) switch
        {
            0x8000 => FileKind.File,
            0x4000 => FileKind.Folder,
            0xA000 => FileKind.Link,
            _ => FileKind.Other,
        },
        new FileIdentity
        {
            Inode = BinaryPrimitives.ReadUInt64LittleEndian(status[32..]),
            Length = BinaryPrimitives.ReadInt64LittleEndian(status[40..]),
            Changed = ParseTime(status[96..]),
            Modified = ParseTime(status[112..]),
            Device = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(status[136..]) << 32)
                | BinaryPrimitives.ReadUInt32LittleEndian(status[140..]),
        },
        BinaryPrimitives.ReadUInt32LittleEndian(status[16..]),
        BinaryPrimitives.ReadUInt32LittleEndian(status[20..]));

    private static FileTime ParseTime(ReadOnlySpan<byte> time) =>
        new(BinaryPrimitives.ReadInt64LittleEndian(time), BinaryPrimitives.ReadUInt32LittleEndian(time[8..]));

    private static bool TryRename(string from, string to, uint flags)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            if (RenameAt2(CurrentFolder, from, CurrentFolder, to, flags) == 0)
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
        NotFound => new FileNotFoundException($"{call} of {Printable.Escape(path)}: {Marshal.GetPInvokeErrorMessage(error)}.", path),
        Exists or NotEmpty => new IOException($"{Printable.Escape(path)} already exists.", error),
        CrossDevice => new IOException($"{Printable.Escape(path)} is on another file system.", error),
        TooManyOpen or TooManyOpenInSystem => new IOException($"{Printable.Escape(path)} could not be opened: too many files are open. "
            + "Every file of every model stays open while a merge runs. "
            + "Remedy: raise the limit (ulimit -n 4096), or merge models with fewer files.", error),
        _ => new IOException($"{call} of {Printable.Escape(path)} failed: {Marshal.GetPInvokeErrorMessage(error)}.", error),
    };

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int FLock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "posix_fadvise", SetLastError = true)]
    private static partial int FAdvise(SafeFileHandle file, long offset, long length, int advice);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int HardLink(string from, string to);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int fromFolder, string from, int toFolder, string to, uint flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, ref byte status);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(SafeFileHandle file, string path, int flags, uint mask, ref byte status);
}
