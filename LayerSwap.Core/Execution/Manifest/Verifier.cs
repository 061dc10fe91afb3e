using System.IO.Hashing;
using System.Collections.Concurrent;
using LayerSwap.Checkpoints;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.IO;
using LayerSwap.Numerics;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Checks a checkpoint against the rules of its format, reads every byte of it, and compares checksums if there is a record.</summary>
internal static class Verifier
{
    private const string MergeAgain = " Remedy: merge again.";

    public static VerifyReport Verify(string path, Func<string, ICheckpoint> open, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        List<VerifyProblem> problems = [];
        string real = InputFile.RealOf(path);
        bool folder = Directory.Exists(real), hasRecord = folder && FileStatus.OfEntry(Path.Combine(real, ManifestWriter.FileName)) is not null;
        Manifest? record = folder ? Try(() => Manifest.TryRead(real), problems) : null;
        using ICheckpoint? checkpoint = Try(() => open(path), problems);
        IReadOnlyList<string> unrecorded = [];
        if (record is not null)
        {
            problems.AddRange(OtherFiles(real, record, cancellation));
            unrecorded = [.. Unrecorded(real, record)];
            problems.AddRange(Foreign(real, record));
        }
        else if (folder && !hasRecord && CardNamesRecord(real))
        {
            problems.Add(Problem(ManifestWriter.FileName, null, $"{ManifestWriter.FileName} is missing, though {ModelCard.FileName} says that there is one: nothing can be compared.{MergeAgain}"));
        }

        if (checkpoint is not null)
        {
            problems.AddRange(Structure(checkpoint, record));
            problems.AddRange(Config(checkpoint));
            ProgressMeter meter = new(progress, checkpoint.Tensors.Sum(t => t.ByteLength));
            problems.AddRange(Data(checkpoint, record, meter, cancellation));
            meter.Finish();
        }

        return new VerifyReport
        {
            Path = path,
            Files = checkpoint?.Files.Count ?? 0,
            Tensors = checkpoint?.Tensors.Count ?? 0,
            Bytes = checkpoint?.Files.Sum(f => f.Length) ?? 0,
            HasRecord = hasRecord,
            Problems = problems,
            Unrecorded = unrecorded,
        };
    }

    /// <summary>Compares a folder that LayerSwap wrote, a whole output or a part, with its record.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="record">Its record.</param>
    /// <param name="meter">Counts the bytes read.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="only">The weight files to compare; all by default.</param>
    /// <returns>The first problem found, without a remedy if that is to merge again: callers know a nearer one. Null if every byte is as it was written.</returns>
    public static string? FindDamage(string folder, Manifest record, ProgressMeter meter, CancellationToken cancellation, IReadOnlyList<string>? only = null)
    {
        List<VerifyProblem> problems = [.. OtherFiles(folder, record, cancellation), .. Foreign(folder, record)];
        foreach (ManifestFile file in record.Weights.Where(f => only?.Contains(f.Name, StringComparer.Ordinal) != false).TakeWhile(_ => problems.Count == 0))
        {
            string path = Path.Combine(folder, file.Name);
            using ICheckpoint? weights = Try(() => SafeTensorsFile.Open(path), problems);
            if (weights is not null)
            {
                problems.AddRange(Header(file, weights.Files[0]));
                problems.AddRange(Data(weights, record, meter, cancellation));
            }
        }

        return problems.FirstOrDefault()?.Message.Replace(MergeAgain, "", StringComparison.Ordinal);
    }

    /// <summary>Whether a folder has a record, and every byte is as it says.</summary>
    public static bool IsIntact(string folder)
    {
        try
        {
            return Manifest.TryRead(folder) is { } record && FindDamage(folder, record, new ProgressMeter(null, 0), CancellationToken.None) is null;
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    /// <summary>What the record does not list, and a program that loads the model may read.</summary>
    private static IEnumerable<VerifyProblem> Foreign(string folder, Manifest record) => Unrecorded(folder, record).Where(n => IsLoaded(folder, n)).Select(n => Problem(Path.Combine(folder, n), null,
        $"{Printable.Escape(n)} is in the folder, but not in the record, and programs that load the model may read it. Remedy: move it away, or merge again."));

    private static T? Try<T>(Func<T?> read, List<VerifyProblem> problems)
        where T : class
    {
        try
        {
            return read();
        }
        catch (CheckpointException e)
        {
            problems.Add(Problem(e.File, e.Tensor, e.Message));
            return null;
        }
    }

    private static IEnumerable<VerifyProblem> OtherFiles(string folder, Manifest record, CancellationToken cancellation)
    {
        foreach (ManifestFile file in record.Others)
        {
            string path = Path.Combine(folder, file.Name), shown = Printable.Escape(file.Name);
            FileStatus? status = FileStatus.Of(InputFile.RealOf(path));
            string? wrong = status is null ? "is not there"
                : status.Kind != FileKind.File ? "is not a regular file"
                : status.Identity.Length != file.Length ? $"has {status.Identity.Length} bytes"
                : null;
            if (wrong is not null)
            {
                yield return Problem(path, null, $"{shown} {wrong}; the record says {file.Length} bytes.{MergeAgain}");
            }
            else if (FileChecksum(path, cancellation) is var found && found != file.Checksum)
            {
                yield return Problem(path, null, $"{shown} has the checksum {found}; the record says {Printable.Escape(file.Checksum)}: it was changed or damaged.{MergeAgain}");
            }
        }
    }

    private static string FileChecksum(string path, CancellationToken cancellation)
    {
        XxHash64 hash = new();
        if (FileStatus.Of(path)?.Identity.Length > 0)
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = InputFile.Open(path);
            byte[] buffer = new byte[1 << 18];
            int read;
            for (long at = 0; (read = RandomAccess.Read(file, buffer, at)) > 0; at += read)
            {
                cancellation.ThrowIfCancellationRequested();
                hash.Append(buffer.AsSpan(0, read));
            }
        }

        return TensorChecksum.Text(hash.GetCurrentHashAsUInt64());
    }

    private static IEnumerable<string> Unrecorded(string folder, Manifest record)
    {
        HashSet<string> known = [ManifestWriter.FileName, .. record.Files.Select(f => f.Name)];
        return Directory.EnumerateFileSystemEntries(folder).Select(e => Path.GetFileName(e)!).Where(n => !known.Contains(n) && !known.Any(k => k.StartsWith(n + "/", StringComparison.Ordinal))).Order(StringComparer.Ordinal);
    }

    /// <summary>Whether a program that loads a model may read a file of this name, or one in a folder of this name.</summary>
    private static bool IsLoaded(string folder, string name) => IsLoaded(name)
        || (Directory.Exists(Path.Combine(folder, name)) && !name.StartsWith('.') && Directory.EnumerateFiles(Path.Combine(folder, name)).Any(f => IsLoaded(Path.GetFileName(f))));

    private static bool IsLoaded(string name) =>
        AuxiliaryFiles.IsLoaded(name) || Array.Exists([SafeTensorsFormat.Extension, ".bin", ".pt", ".pth", ".gguf", ".json", ".jinja", ".py", ".model"], e => name.EndsWith(e, StringComparison.OrdinalIgnoreCase));

    private static bool CardNamesRecord(string folder)
    {
        string card = Path.Combine(folder, ModelCard.FileName);
        return FileStatus.Of(card) is { Kind: FileKind.File, Identity.Length: > 0 and < 16_000_000 } && File.ReadAllText(card).Contains($"`{ManifestWriter.FileName}`", StringComparison.Ordinal);
    }

    private static IEnumerable<VerifyProblem> Structure(ICheckpoint checkpoint, Manifest? record)
    {
        if (record is null)
        {
            yield break;
        }

        foreach (ManifestFile file in record.Weights)
        {
            CheckpointFile? found = checkpoint.Files.FirstOrDefault(f => Path.GetFileName(f.Path) == file.Name);
            foreach (VerifyProblem problem in Header(file, found))
            {
                yield return problem;
            }
        }

        foreach (string missing in record.Tensors.Keys.Where(t => checkpoint.Find(t) is null))
        {
            yield return Problem(ManifestWriter.FileName, missing, $"Tensor {Printable.Escape(missing)} is in the record, but not in the files.{MergeAgain}");
        }

        foreach (TensorInfo extra in checkpoint.Tensors.Where(t => !record.Tensors.ContainsKey(t.Name)))
        {
            yield return Problem(checkpoint.FileOf(extra.Name) ?? checkpoint.Name, extra.Name, $"Tensor {Printable.Escape(extra.Name)} is in the files, but not in the record.{MergeAgain}");
        }
    }

    /// <summary>What config.json says of the tensors, and is not so.</summary>
    private static List<VerifyProblem> Config(ICheckpoint checkpoint)
    {
        List<VerifyProblem> problems = [];
        string file = AuxiliaryFiles.PathOf(checkpoint, ModelConfig.FileName);
        problems.AddRange(Try(() => ConfigCheck.Problems(checkpoint).Select(p => Problem(file, null, $"{Printable.Escape(file)} does not fit the tensors: {p}. Remedy: correct it, or fetch or merge the model again.")).ToArray(), problems) ?? []);
        return problems;
    }

    private static IEnumerable<VerifyProblem> Header(ManifestFile file, CheckpointFile? found)
    {
        if (found?.Length != file.Length)
        {
            yield return Problem(file.Name, null, $"{Printable.Escape(file.Name)} {(found is null ? "is not there" : $"has {found.Length} bytes")}; the record says {file.Length} bytes.{MergeAgain}");
        }
        else if (found.HeaderHash != file.Checksum)
        {
            yield return Problem(found.Path, null, $"The header of {Printable.Escape(found.Path)} is not the one in the record: it was changed or damaged.{MergeAgain}");
        }
    }

    private static IEnumerable<VerifyProblem> Data(ICheckpoint checkpoint, Manifest? record, ProgressMeter meter, CancellationToken cancellation)
    {
        ConcurrentBag<(int Index, VerifyProblem Problem)> problems = [];
        BlockStreamer pump = new(new WorkerPool(Environment.ProcessorCount, cancellation));
        pump.Crew.Run(checkpoint.Tensors.Count, (worker, index) =>
        {
            TensorInfo tensor = checkpoint.Tensors[(int)index];
            string file = checkpoint.FileOf(tensor.Name) ?? checkpoint.Name;
            try
            {
                ulong found = TensorChecksum.Read(pump, worker, checkpoint, tensor, read => meter.Add(read));
                if (record is not null && record.Tensors.TryGetValue(tensor.Name, out ulong expected) && found != expected)
                {
                    problems.Add(((int)index, Problem(file, tensor.Name, $"Tensor {Printable.Escape(tensor.Name)} in {Printable.Escape(file)} has the checksum {TensorChecksum.Text(found)}; "
                        + $"the record says {TensorChecksum.Text(expected)}: its data was changed or damaged.{MergeAgain}")));
                }
            }
            catch (InputChangedException e)
            {
                problems.Add(((int)index, Problem(e.File, tensor.Name, e.Message)));
            }
        });
        return problems.OrderBy(p => p.Index).Select(p => p.Problem);
    }

    private static VerifyProblem Problem(string file, string? tensor, string message) => new() { File = file, Tensor = tensor, Message = message };
}
