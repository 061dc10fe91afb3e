using System.Text;
using LayerSwap.Checkpoints;
using LayerSwap.Execution;
using LayerSwap.IO;

namespace LayerSwap.Reports;

/// <summary>Writes a report to a temporary file and renames it. The report is whole or absent; an existing file is replaced last.</summary>
internal static class ReportFile
{
    /// <param name="path">The path of the report.</param>
    /// <param name="text">The content.</param>
    /// <param name="inputs">The models of the report: a report never replaces one of their files.</param>
    public static void Write(string path, string text, IReadOnlyList<ICheckpoint> inputs)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0)
        {
            throw new OutputException(path, "A report needs the path of a file. Remedy: name one, or - for standard output.");
        }

        RefuseInputs(path, inputs);
        string folder = RealPath.ResolveFolder(path), full = Path.Combine(folder, Path.GetFileName(path));
        FileStatus? existing = FileStatus.Read(full);
        if (existing?.Kind == FileKind.Folder)
        {
            throw new OutputException(path, $"{Printable.Escape(path)} is a folder; a file is expected. Remedy: name a file in it.");
        }

        if (existing?.Kind == FileKind.Other || folder.StartsWith("/proc/", StringComparison.Ordinal))
        {
            // Write into a device or an open descriptor: renaming a file over /dev/null would destroy it.
            using FileStream device = new(full, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            device.Write(Encoding.UTF8.GetBytes(text));
            return;
        }

        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException(
                $"{Printable.Escape(path)} could not be written: there is no folder {Printable.Escape(folder)}. "
                + "Remedy: make it, or choose another path.");
        }

        AtomicFile.Replace(SystemFiles.Instance, full, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Creates the folder of several reports if it does not exist.</summary>
    /// <inheritdoc cref="Write"/>
    public static void CreateFolder(string path, IReadOnlyList<ICheckpoint> inputs)
    {
        RefuseInputs(path, inputs);
        string real = RealPath.Resolve(path);
        if (FileStatus.Read(real) is { Kind: not FileKind.Folder })
        {
            throw new OutputException(path, $"{Printable.Escape(path)} is a file; a folder is expected. Remedy: choose another path.");
        }

        Directory.CreateDirectory(real);
    }

    private static void RefuseInputs(string path, IReadOnlyList<ICheckpoint> inputs)
    {
        string real = RealPath.Resolve(path), entry = Path.Combine(RealPath.ResolveFolder(path), Path.GetFileName(path));
        InputPaths places = InputPaths.Of(inputs, WatchedFolder.Of(inputs));
        if ((places.FindOverlap(real) ?? places.FindOverlap(entry)) is { } input)
        {
            throw new OutputException(path, $"{Printable.Escape(path)} is inside the input {Printable.Escape(input)}. "
                + "Inputs are never changed. Remedy: choose another path.");
        }
    }
}
