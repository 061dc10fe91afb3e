using System.Collections.Concurrent;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>Holds a checkpoint against every rule of its format, reads all of it, and compares checksums where there is a record.</summary>
internal static class Verifier
{
    public static VerifyReport Verify(string path, Func<string, ICheckpoint> open, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        ICheckpoint checkpoint;
        try
        {
            checkpoint = open(path);
        }
        catch (CheckpointException e)
        {
            return Report(path, null, hasRecord: false, [Problem(e.File, e.Tensor, e.Message)]);
        }

        using (checkpoint)
        {
            try
            {
                RecordReader? record = Directory.Exists(path) ? RecordReader.TryRead(path) : null;
                return Report(path, checkpoint, record is not null, [.. Structure(checkpoint, record), .. Data(checkpoint, record, progress, cancellation)]);
            }
            catch (CheckpointException e)
            {
                return Report(path, checkpoint, hasRecord: true, [Problem(e.File, e.Tensor, e.Message)]);
            }
        }
    }

    private static IEnumerable<VerifyProblem> Structure(ICheckpoint checkpoint, RecordReader? record)
    {
        if (record is null)
        {
            yield break;
        }

        foreach ((string file, long bytes) in record.Files)
        {
            CheckpointFile? found = checkpoint.Files.FirstOrDefault(f => Path.GetFileName(f.Path) == file);
            if (found?.Length != bytes)
            {
                yield return Problem(file, null, $"{Printable.Escape(file)} {(found is null ? "is not there" : $"has {found.Length} bytes")}; the record says {bytes} bytes. Remedy: merge again.");
            }
        }

        foreach (string missing in record.Tensors.Keys.Where(t => checkpoint.Find(t) is null))
        {
            yield return Problem(MergeRecord.FileName, missing, $"Tensor {Printable.Escape(missing)} is in the record, but not in the files. Remedy: merge again.");
        }

        foreach (TensorInfo extra in checkpoint.Tensors.Where(t => !record.Tensors.ContainsKey(t.Name)))
        {
            yield return Problem(checkpoint.FileOf(extra.Name) ?? checkpoint.Name, extra.Name, $"Tensor {Printable.Escape(extra.Name)} is in the files, but not in the record. Remedy: merge again.");
        }
    }

    private static IEnumerable<VerifyProblem> Data(ICheckpoint checkpoint, RecordReader? record, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        ConcurrentBag<(int Index, VerifyProblem Problem)> problems = [];
        ProgressMeter meter = new(progress, checkpoint.Tensors.Sum(t => t.ByteLength));
        Pump pump = new(new Crew(Environment.ProcessorCount, cancellation));
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
                        + $"the record says {TensorChecksum.Text(expected)}: its data was changed or damaged. Remedy: merge again.")));
                }
            }
            catch (InputChangedException e)
            {
                problems.Add(((int)index, Problem(e.File, tensor.Name, e.Message)));
            }
        });
        meter.Finish();
        return problems.OrderBy(p => p.Index).Select(p => p.Problem);
    }

    private static VerifyProblem Problem(string file, string? tensor, string message) => new() { File = file, Tensor = tensor, Message = message };

    private static VerifyReport Report(string path, ICheckpoint? checkpoint, bool hasRecord, IReadOnlyList<VerifyProblem> problems) => new()
    {
        Path = path,
        Files = checkpoint?.Files.Count ?? 0,
        Tensors = checkpoint?.Tensors.Count ?? 0,
        Bytes = checkpoint?.Files.Sum(f => f.Length) ?? 0,
        HasRecord = hasRecord,
        Problems = problems,
    };
}
