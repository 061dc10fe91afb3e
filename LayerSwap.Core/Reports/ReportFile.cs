using System.Text;

namespace LayerSwap.Reports;

/// <summary>Writes a report beside its final place and renames it: whole or absent, and what was there is replaced only then.</summary>
internal static class ReportFile
{
    public static void Write(string path, string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = Path.GetFullPath(path), folder = Path.GetDirectoryName(full)!;
        if (folder is "/dev" or "/dev/fd")
        {
            // A device or an open descriptor is written to; renaming a file over /dev/null would destroy it.
            using FileStream device = new(full, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            device.Write(Encoding.UTF8.GetBytes(text));
            return;
        }

        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException($"{Printable.Escape(path)} could not be written: there is no folder {Printable.Escape(folder)}. Remedy: make it, or choose another path.");
        }

        string staging = Path.Combine(folder, $".{Path.GetFileName(full)}.layerswap-{Guid.NewGuid():N}");
        try
        {
            using (FileStream stream = new(staging, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                stream.Write(Encoding.UTF8.GetBytes(text));
            }

            File.Move(staging, full, overwrite: true);
        }
        catch
        {
            File.Delete(staging);
            throw;
        }
    }
}
