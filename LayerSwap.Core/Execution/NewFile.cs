using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Execution;

/// <summary>Writes a small file that must not exist yet.</summary>
internal static class NewFile
{
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        using SafeFileHandle handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        RandomAccess.Write(handle, bytes, 0);
    }
}
