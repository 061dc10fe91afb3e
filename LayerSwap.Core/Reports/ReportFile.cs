using System.Text;
using LayerSwap.Checkpoints;
using LayerSwap.Execution;
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
        string folder = RealPath.FolderOf(path), full = Path.Combine(folder, Path.GetFileName(path));
        if (folder is "/dev" or "/dev/fd" || folder.StartsWith("/proc/", StringComparison.Ordinal))
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
        string real = RealPath.Of(path), entry = Path.Combine(RealPath.FolderOf(path), Path.GetFileName(path));
        InputPlaces places = InputPlaces.Of(inputs, WatchedFolder.Of(inputs));
        if ((places.Meets(real) ?? places.Meets(entry)) is { } input)
        {
            throw new OutputException(path, $"{Printable.Escape(path)} lies in the input {Printable.Escape(input)}. Inputs are never changed. Remedy: choose another path.");
        }
    }
}
