using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.IO;

/// <summary>The few calls of the C library that the framework lacks or does not check. Where the library has no such call the caller is told, and does the best the framework has.</summary>
internal static partial class Native
{
    private const int Here = -100, NoReplace = 1, Swap = 2, EmptyPath = 0x1000, NoFollowStatus = 0x100, BasicStatus = 0x7FF, StatusBytes = 256;
    private const int ReadOnly = 0, ReadWrite = 2, OwnerWrites = 0x1A4, LockExclusive = 2, LockNow = 4, LockRelease = 8, Sequential = 2, WriteAccess = 2;
    private const int NotPermitted = 1, NotThere = 2, WouldBlock = 11, Denied = 13, Exists = 17, CrossDevice = 18, NotAFolder = 20, Invalid = 22, TooManyOfAll = 23, TooManyOpen = 24, TooManyLinks = 31, NameTooLong = 36,
        NotImplemented = 38, NotEmpty = 39, TooManyLevels = 40, NotSupported = 95;

    /// <summary>Flags of open(2). NoFollow has another value on ARM.</summary>
    private const int CreateIfMissing = 0x40, NoTerminal = 0x100, NonBlocking = 0x800, CloseOnExec = 0x80000;

    private static readonly int NoFollow = RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64 ? 0x8000 : 0x20000;

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

        using SafeFileHandle folder = Open(path, ReadOnly, 0);
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

    /// <summary>Reads the status of a path.</summary>
    /// <returns>Null if nothing is there.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static FileStatus? Status(string path, bool follow)
    {
        Span<byte> status = stackalloc byte[StatusBytes];
        return Status(Here, path, follow ? 0 : NoFollowStatus, BasicStatus, ref MemoryMarshal.GetReference(status)) == 0 ? Read(status)
            : Marshal.GetLastPInvokeError() is NotThere or NotAFolder or TooManyLevels or NameTooLong ? null
            : throw Failure("stat", path, Marshal.GetLastPInvokeError());
    }

    /// <summary>Reads the status of an open file.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static FileStatus Status(SafeFileHandle file)
    {
        Span<byte> status = stackalloc byte[StatusBytes];
        return StatusOf(file, string.Empty, EmptyPath, BasicStatus, ref MemoryMarshal.GetReference(status)) == 0 ? Read(status) : throw Failure("stat", "an open file", Marshal.GetLastPInvokeError());
    }

    /// <summary>Whether this process may write to a file or folder.</summary>
    public static bool MayWrite(string path) => Access(path, WriteAccess) == 0;

    /// <summary>Opens a regular file for reading. Never waits for the writer of a pipe.</summary>
    /// <exception cref="IOException">It cannot be opened, or is not a regular file.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static SafeFileHandle OpenToRead(string path)
    {
        SafeFileHandle file = OpenRegular(path, ReadOnly);
        // The system then reads twice as far ahead: what is not in memory yet comes an eighth faster. Its answer is of no interest.
        _ = Advise(file, 0, 0, Sequential);
        return file;
    }

    /// <summary>Opens a regular file that nothing else is a name of, for reading and writing. Follows no link.</summary>
    /// <exception cref="IOException">It cannot be opened, is a link or not a regular file, or has other names.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static SafeFileHandle OpenToWrite(string path)
    {
        SafeFileHandle file = OpenRegular(path, ReadWrite | NoFollow);
        if (Status(file).Links == 1)
        {
            return file;
        }

        file.Dispose();
        throw new IOException($"{Printable.Escape(path)} has several names (hard links): writing to it would change them all.");
    }

    /// <summary>Opens a file, or creates it, and locks it until the process ends. Follows no link.</summary>
    /// <returns>Null if another process holds the lock.</returns>
    /// <exception cref="IOException">It cannot be opened, or is not a regular file.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static SafeFileHandle? TryLock(string path)
    {
        SafeFileHandle file = OpenRegular(path, ReadWrite | NoFollow | CreateIfMissing);
        // A file system without locks says so by another error: there nobody is kept out.
        if (Lock(file, LockExclusive | LockNow) == 0 || Marshal.GetLastPInvokeError() != WouldBlock)
        {
            return file;
        }

        file.Dispose();
        return null;
    }

    /// <summary>Gives up a lock at once. Closing alone would not while a process that is being started still has the file.</summary>
    public static void Unlock(SafeFileHandle file) => _ = Lock(file, LockRelease);

    private static SafeFileHandle OpenRegular(string path, int flags)
    {
        SafeFileHandle file = Open(path, flags | NonBlocking | CloseOnExec | NoTerminal, OwnerWrites);
        if (file.IsInvalid)
        {
            int error = Marshal.GetLastPInvokeError();
            file.Dispose();
            throw error is Denied or NotPermitted ? new UnauthorizedAccessException($"{Printable.Escape(path)} may not be opened: {Marshal.GetPInvokeErrorMessage(error)}.") : Failure("open", path, error);
        }

        try
        {
            return Status(file).Kind == FileKind.File ? RequireSeekable(file, path) : throw new IOException($"{Printable.Escape(path)} is not a regular file.");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Requires that positions can be set: where they cannot, the framework reads and writes wherever the file happens to be.</summary>
    /// <exception cref="IOException">They cannot.</exception>
    public static SafeFileHandle RequireSeekable(SafeFileHandle file, string path)
    {
        try
        {
            _ = RandomAccess.GetLength(file);
            return file;
        }
        catch (NotSupportedException e)
        {
            throw new IOException($"{Printable.Escape(path)} cannot be read or written by position (lseek failed).", e);
        }
    }

    /// <summary>Reads <c>struct statx</c>, whose layout is the same on every Linux.</summary>
    private static FileStatus Read(ReadOnlySpan<byte> status) => new(
        (BinaryPrimitives.ReadUInt16LittleEndian(status[28..]) & 0xF000) switch { 0x8000 => FileKind.File, 0x4000 => FileKind.Folder, 0xA000 => FileKind.Link, _ => FileKind.Other },
        new FileIdentity
        {
            Inode = BinaryPrimitives.ReadUInt64LittleEndian(status[32..]),
            Length = BinaryPrimitives.ReadInt64LittleEndian(status[40..]),
            Changed = Time(status[96..]),
            Modified = Time(status[112..]),
            Device = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(status[136..]) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(status[140..]),
        },
        BinaryPrimitives.ReadUInt32LittleEndian(status[16..]),
        BinaryPrimitives.ReadUInt32LittleEndian(status[20..]));

    private static FileTime Time(ReadOnlySpan<byte> time) => new(BinaryPrimitives.ReadInt64LittleEndian(time), BinaryPrimitives.ReadUInt32LittleEndian(time[8..]));

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
        TooManyOpen or TooManyOfAll => new IOException($"{Printable.Escape(path)} could not be opened: too many files are open. Every file of every model stays open while a merge runs. "
            + "Remedy: raise the limit (ulimit -n 4096), or merge models of fewer files.", error),
        _ => new IOException($"{call} of {Printable.Escape(path)} failed: {Marshal.GetPInvokeErrorMessage(error)}.", error),
    };

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Lock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "posix_fadvise", SetLastError = true)]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int HardLink(string from, string to);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(int fromFolder, string from, int toFolder, string to, uint flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Status(int folder, string path, int flags, uint mask, ref byte status);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatusOf(SafeFileHandle file, string path, int flags, uint mask, ref byte status);
}
