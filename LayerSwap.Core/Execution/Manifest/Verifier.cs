using System.Collections.Concurrent;
using System.IO.Hashing;
using LayerSwap.Checkpoints;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.IO;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Validates a checkpoint, reads every byte, and compares checksums if it has a manifest.</summary>
internal static class Verifier
{
    private const string MergeAgain = " Remedy: merge again.";
    private const int BufferLength = 1 << 18;

    private static readonly string[] LoadedExtensions =
        [SafeTensorsFormat.Extension, ".bin", ".pt", ".pth", ".dat", ".gguf", ".json", ".jinja", ".py", ".model"];

    public static VerifyReport Verify(
        string path, Func<string, ICheckpoint> open, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        List<VerifyProblem> problems = [];
        string real = InputFile.ResolvePath(path);
        bool isFolder = Directory.Exists(real);
        bool hasManifest = isFolder && FileStatus.ReadEntry(Path.Combine(real, ManifestWriter.FileName)) is not null;
        Manifest? manifest = isFolder ? Try(() => Manifest.TryRead(real), problems) : null;
        using ICheckpoint? checkpoint = Try(() => open(path), problems);
        IReadOnlyList<string> unlisted = [];
        if (manifest is not null)
        {
            problems.AddRange(CheckOtherFiles(real, manifest, cancellation));
            unlisted = [.. FindUnlisted(real, manifest)];
            problems.AddRange(CheckUnlisted(real, manifest));
        }
        else if (isFolder && !hasManifest && CardMentionsManifest(real))
        {
            problems.Add(Problem(ManifestWriter.FileName, null, $"{ManifestWriter.FileName} is missing, though {ModelCard.FileName} "
                + $"refers to it: no checksums can be compared.{MergeAgain}"));
        }

        if (checkpoint is not null)
        {
            problems.AddRange(CheckStructure(checkpoint, manifest));
            problems.AddRange(CheckConfig(checkpoint));
            ProgressMeter meter = new(progress, checkpoint.Tensors.Sum(t => t.ByteLength));
            problems.AddRange(CheckData(checkpoint, manifest, meter, cancellation));
            meter.Finish();
        }

        return new VerifyReport
        {
            Path = path,
            Files = checkpoint?.Files.Count ?? 0,
            Tensors = checkpoint?.Tensors.Count ?? 0,
            Bytes = checkpoint?.Files.Sum(f => f.Length) ?? 0,
            HasRecord = hasManifest,
            Problems = problems,
            Unrecorded = unlisted,
        };
    }

    /// <summary>Compares a whole output or a part with its manifest.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="manifest">The manifest of the folder.</param>
    /// <param name="meter">Counts the bytes read.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="only">The weight files to compare; all by default.</param>
    /// <returns>The first problem, without the remedy to merge again, as callers have a better one. Null if the folder is intact.</returns>
    public static string? FindDamage(
        string folder,
        Manifest manifest,
        ProgressMeter meter,
        CancellationToken cancellation,
        IReadOnlyList<string>? only = null)
    {
        List<VerifyProblem> problems = [.. CheckOtherFiles(folder, manifest, cancellation), .. CheckUnlisted(folder, manifest)];
        IEnumerable<ManifestFile> files = manifest.WeightFiles.Where(f => only?.Contains(f.Name, StringComparer.Ordinal) != false);
        foreach (ManifestFile file in files.TakeWhile(_ => problems.Count == 0))
        {
            string path = Path.Combine(folder, file.Name);
            using ICheckpoint? weights = Try(() => WeightsFormat.Detect(path).Open(path, new OpenOptions()), problems);
            if (weights is not null)
            {
                problems.AddRange(CheckHeader(file, weights.Files[0]));
                problems.AddRange(CheckData(weights, manifest, meter, cancellation));
            }
        }

        return problems.FirstOrDefault()?.Message.Replace(MergeAgain, "", StringComparison.Ordinal);
    }

    /// <summary>Checks whether a folder has a manifest, and every byte matches its checksums.</summary>
    public static bool IsIntact(string folder)
    {
        try
        {
            return Manifest.TryRead(folder) is { } manifest
                && FindDamage(folder, manifest, new ProgressMeter(null, 0), CancellationToken.None) is null;
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    /// <summary>Reports files that the manifest does not list, and that programs may read when they load the model.</summary>
    private static IEnumerable<VerifyProblem> CheckUnlisted(string folder, Manifest manifest) =>
        FindUnlisted(folder, manifest).Where(n => IsLoaded(folder, n)).Select(n => Problem(
            Path.Combine(folder, n),
            null,
            $"{Printable.Escape(n)} is in the folder, but not in the manifest, and programs that load the model may read it. "
                + "Remedy: move it away, or merge again."));

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

    private static IEnumerable<VerifyProblem> CheckOtherFiles(string folder, Manifest manifest, CancellationToken cancellation)
    {
        foreach (ManifestFile file in manifest.OtherFiles)
        {
            string path = Path.Combine(folder, file.Name), shown = Printable.Escape(file.Name);
            string? wrong = FileStatus.Read(InputFile.ResolvePath(path)) switch
            {
                null => "is missing",
                { Kind: not FileKind.File } => "is not a regular file",
                { Identity.Length: var length } when length != file.Length => $"has {length} bytes",
                _ => null,
            };
            if (wrong is not null)
            {
                yield return Problem(path, null, $"{shown} {wrong}; the manifest says {file.Length} bytes.{MergeAgain}");
            }
            else if (FileChecksum(path, cancellation) is var found && found != file.Checksum)
            {
                yield return Problem(path, null, $"{shown} has the checksum {found}; the manifest says {Printable.Escape(file.Checksum)}: "
                    + $"it was changed or damaged.{MergeAgain}");
            }
        }
    }

    private static string FileChecksum(string path, CancellationToken cancellation)
    {
        XxHash64 hash = new();
        if (FileStatus.Read(path)?.Identity.Length > 0)
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = InputFile.Open(path);
            byte[] buffer = new byte[BufferLength];
            int read;
            for (long offset = 0; (read = RandomAccess.Read(file, buffer, offset)) > 0; offset += read)
            {
                cancellation.ThrowIfCancellationRequested();
                hash.Append(buffer.AsSpan(0, read));
            }
        }

        return TensorChecksum.Format(hash.GetCurrentHashAsUInt64());
    }

    /// <summary>Lists the entries of a folder that are neither in the manifest nor folders of files in it.</summary>
    private static IEnumerable<string> FindUnlisted(string folder, Manifest manifest)
    {
        HashSet<string> listed = [ManifestWriter.FileName, .. manifest.Files.Select(f => f.Name)];
        return Directory.EnumerateFileSystemEntries(folder)
            .Select(e => Path.GetFileName(e)!)
            .Where(n => !listed.Contains(n) && !listed.Any(l => l.StartsWith(n + "/", StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal);
    }

    /// <summary>Checks whether programs that load a model may read an entry of its folder, or a file in a subfolder.</summary>
    private static bool IsLoaded(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        return IsLoaded(name)
            || (Directory.Exists(path)
                && !name.StartsWith('.')
                && Directory.EnumerateFiles(path).Any(f => IsLoaded(Path.GetFileName(f))));
    }

    private static bool IsLoaded(string name) =>
        AuxiliaryFiles.IsLoaded(name) || Array.Exists(LoadedExtensions, e => name.EndsWith(e, StringComparison.OrdinalIgnoreCase));

    private static bool CardMentionsManifest(string folder)
    {
        string card = Path.Combine(folder, ModelCard.FileName);
        return FileStatus.Read(card) is { Kind: FileKind.File, Identity.Length: > 0 and < 16_000_000 }
            && File.ReadAllText(card).Contains($"`{ManifestWriter.FileName}`", StringComparison.Ordinal);
    }

    private static IEnumerable<VerifyProblem> CheckStructure(ICheckpoint checkpoint, Manifest? manifest)
    {
        if (manifest is null)
        {
            yield break;
        }

        foreach (ManifestFile file in manifest.WeightFiles)
        {
            CheckpointFile? found = checkpoint.Files.FirstOrDefault(f => Path.GetFileName(f.Path) == file.Name);
            foreach (VerifyProblem problem in CheckHeader(file, found))
            {
                yield return problem;
            }
        }

        foreach (string missing in manifest.Tensors.Keys.Where(t => checkpoint.Find(t) is null))
        {
            yield return Problem(
                ManifestWriter.FileName,
                missing,
                $"Tensor {Printable.Escape(missing)} is in the manifest, but not in the files.{MergeAgain}");
        }

        foreach (TensorInfo extra in checkpoint.Tensors.Where(t => !manifest.Tensors.ContainsKey(t.Name)))
        {
            yield return Problem(
                checkpoint.FileOf(extra.Name) ?? checkpoint.Name,
                extra.Name,
                $"Tensor {Printable.Escape(extra.Name)} is in the files, but not in the manifest.{MergeAgain}");
        }
    }

    /// <summary>Reports contradictions between config.json and the tensors.</summary>
    private static List<VerifyProblem> CheckConfig(ICheckpoint checkpoint)
    {
        List<VerifyProblem> problems = [];
        string file = AuxiliaryFiles.GetDisplayPath(checkpoint, ModelConfig.FileName);
        string[]? found = Try(() => ConfigCheck.FindProblems(checkpoint).ToArray(), problems);
        problems.AddRange((found ?? []).Select(p => Problem(
            file,
            null,
            $"{Printable.Escape(file)} does not fit the tensors: {p}. Remedy: correct it, or fetch or merge the model again.")));
        return problems;
    }

    private static IEnumerable<VerifyProblem> CheckHeader(ManifestFile file, CheckpointFile? found)
    {
        if (found?.Length != file.Length)
        {
            string wrong = found is null ? "is missing" : $"has {found.Length} bytes";
            string message = $"{Printable.Escape(file.Name)} {wrong}; the manifest says {file.Length} bytes.{MergeAgain}";
            yield return Problem(file.Name, null, message);
        }
        else if (found.HeaderHash != file.Checksum)
        {
            yield return Problem(found.Path, null, $"The header of {Printable.Escape(found.Path)} is not the one in the manifest: "
                + $"it was changed or damaged.{MergeAgain}");
        }
    }

    private static IEnumerable<VerifyProblem> CheckData(
        ICheckpoint checkpoint, Manifest? manifest, ProgressMeter meter, CancellationToken cancellation)
    {
        ConcurrentBag<(int Index, VerifyProblem Problem)> problems = [];
        BlockStreamer streamer = new(new WorkerPool(Environment.ProcessorCount, cancellation));
        streamer.Pool.Run(checkpoint.Tensors.Count, (worker, index) =>
        {
            TensorInfo tensor = checkpoint.Tensors[(int)index];
            string file = checkpoint.FileOf(tensor.Name) ?? checkpoint.Name;
            try
            {
                ulong found = TensorChecksum.Compute(streamer, worker, checkpoint, tensor, read => meter.Add(read));
                if (manifest is not null && manifest.Tensors.TryGetValue(tensor.Name, out ulong expected) && found != expected)
                {
                    string message = $"Tensor {Printable.Escape(tensor.Name)} in {Printable.Escape(file)} has the checksum "
                        + $"{TensorChecksum.Format(found)}; the manifest says {TensorChecksum.Format(expected)}: "
                        + $"its data was changed or damaged.{MergeAgain}";
                    problems.Add(((int)index, Problem(file, tensor.Name, message)));
                }
            }
            catch (InputChangedException e)
            {
                problems.Add(((int)index, Problem(e.File, tensor.Name, e.Message)));
            }
        });
        return problems.OrderBy(p => p.Index).Select(p => p.Problem);
    }

    private static VerifyProblem Problem(string file, string? tensor, string message) =>
        new() { File = file, Tensor = tensor, Message = message };
}
