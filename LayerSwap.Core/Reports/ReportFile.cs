using System.Text;

namespace LayerSwap.Reports;

/// <summary>Writes a report beside its final place and renames it: whole or absent, and what was there is replaced only then.</summary>
internal static class ReportFile
{
    public static void Write(string path, string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = Path.GetFullPath(path), staging = Path.Combine(Path.GetDirectoryName(full)!, $".{Path.GetFileName(full)}.layerswap-{Guid.NewGuid():N}");
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
