using System.Text;
using LayerSwap.Files;

namespace LayerSwap.Reports;

/// <summary>Writes a report beside its final place and renames it: whole or absent, and what was there is replaced only then.</summary>
internal static class ReportFile
{
    /// <param name="path">Where to.</param>
    /// <param name="text">What.</param>
    /// <param name="inputs">The models the report is about: a report never replaces one of their files.</param>
    public static void Write(string path, string text, IReadOnlyList<ICheckpoint> inputs)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        RefuseInputs(path, inputs);
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

        WholeFile.Replace(SystemFiles.Instance, full, Encoding.UTF8.GetBytes(text));
    }

    private static void RefuseInputs(string path, IReadOnlyList<ICheckpoint> inputs)
    {
        string real = RealPath.Of(path);
        foreach (ICheckpoint input in inputs)
        {
            if (input.Files.Any(f => RealPath.Of(f.Path) == real || RealPath.Of(Path.GetDirectoryName(Path.GetFullPath(f.Path))!) == Path.GetDirectoryName(real)) && File.Exists(real))
            {
                throw new OutputException(path, $"{Printable.Escape(path)} is there already and lies in the input {Printable.Escape(input.Name)}. Inputs are never changed. Remedy: choose another path.");
            }
        }
    }
}
