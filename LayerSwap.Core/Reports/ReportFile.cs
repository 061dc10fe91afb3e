using System.Text;
using LayerSwap.Checkpoints;
using LayerSwap.Execution;
using LayerSwap.IO;

namespace LayerSwap.Reports;

/// <summary>Writes a report beside its final place and renames it: whole or absent, and what was there is replaced only then.</summary>
internal static class ReportFile
{
    /// <param name="path">Where to.</param>
    /// <param name="text">What.</param>
    /// <param name="inputs">The models the report is about: a report never replaces one of their files.</param>
    public static void Write(string path, string text, IReadOnlyList<ICheckpoint> inputs)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0)
        {
            throw new OutputException(path, "A report needs the path of a file. Remedy: name one, or - for standard output.");
        }

        RefuseInputs(path, inputs);
        string folder = RealPath.FolderOf(path), full = Path.Combine(folder, Path.GetFileName(path));
        FileStatus? there = FileStatus.Of(full);
        if (there?.Kind == FileKind.Folder)
        {
            throw new OutputException(path, $"{Printable.Escape(path)} is a folder; a file is expected. Remedy: name a file in it.");
        }

        if (there?.Kind == FileKind.Other || folder.StartsWith("/proc/", StringComparison.Ordinal))
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

    /// <summary>Makes the folder of several reports, if it is not there.</summary>
    /// <inheritdoc cref="Write"/>
    public static void CreateFolder(string path, IReadOnlyList<ICheckpoint> inputs)
    {
        RefuseInputs(path, inputs);
        string real = RealPath.Of(path);
        if (FileStatus.Of(real) is { Kind: not FileKind.Folder })
        {
            throw new OutputException(path, $"{Printable.Escape(path)} is a file; a folder is expected. Remedy: choose another path.");
        }

        Directory.CreateDirectory(real);
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
