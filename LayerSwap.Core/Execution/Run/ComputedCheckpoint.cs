using System.Collections.Concurrent;
using LayerSwap.Checkpoints;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>
/// A plan as a checkpoint: each read computes its bytes on demand, and nothing is written. Passes over a tensor run once, at its first
/// read.
/// </summary>
internal sealed class ComputedCheckpoint : ICheckpoint, IComputedCheckpoint
{
    private readonly MergePlan _plan;
    private readonly TensorList _tensors;
    private readonly Lazy<Dictionary<string, PlannedTensor>> _planned;
    private readonly ConcurrentDictionary<string, Lazy<bool>> _prepared = new(StringComparer.Ordinal);
    private readonly Lazy<Dictionary<string, Func<byte[]>>> _auxiliaryFiles;
    private readonly ConcurrentBag<WorkerBuffers> _buffers = [];
    private readonly ThreadLocal<LastRead> _lastRead = new(() => new LastRead());

    public ComputedCheckpoint(MergePlan plan, string? name = null)
    {
        _plan = plan;
        _tensors = new TensorList(plan.Tensors.Select(t => t.Tensor));
        // Lazy, since planning asks for names only.
        _planned = new(() => plan.Tensors.ToDictionary(t => t.Tensor.Name, StringComparer.Ordinal));
        _auxiliaryFiles = new(() => AuxiliaryFilePlan.ListFiles(plan.Request, plan.ConfigChanges)
            .ToDictionary(f => f.Name, f => f.Make, StringComparer.Ordinal));
        Files = [.. plan.Request.Inputs.SelectMany(i => i.Files).DistinctBy(f => f.Path, StringComparer.Ordinal)];
        Metadata = plan.Request.ConfigSource.Metadata;
        LayerMap.Share(plan.Layers, this);
        name ??= $"merge of {string.Join(", ", plan.Request.Inputs.Select(i => i.Name))}";
        Name = $"{name} ({MergeFingerprint.ShortHash(plan)})";
    }

    /// <summary>The given name, or the names of the inputs, and a hash of the plan: two merges of the same models differ.</summary>
    public string Name { get; }

    public string? Folder => _plan.Request.ConfigSource.Folder;

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata { get; }

    public IReadOnlyList<CheckpointFile> Files { get; }

    public IReadOnlyDictionary<string, Func<byte[]>> GeneratedFiles => _auxiliaryFiles.Value;

    public IReadOnlyList<WatchedFolder> Watched => _plan.WatchedFolders;

    public IReadOnlyList<ICheckpoint> Inputs => _plan.Request.Inputs;

    /// <summary>The size of one block and of the cached last read.</summary>
    public long WorkingBytesPerThread => 2 * PlanMemory.BlockBytes(_plan.Tensors);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.CheckRange(Name, name, offset, destination.Length);
        // A merge may use this checkpoint twice, and then reads every block twice in a row. Without this cache, the work would double
        // with every merge in a chain.
        LastRead lastRead = _lastRead.Value!;
        if (lastRead.TryCopy(name, offset, destination))
        {
            return;
        }

        PlannedTensor tensor = _planned.Value[name];
        if (!_prepared.TryGetValue(name, out Lazy<bool>? prepared))
        {
            prepared = AddPreparation(tensor);
        }

        _ = prepared.Value;
        switch (tensor.Work)
        {
            case TensorWork.Copy:
                tensor.Work.Operands[0].Read(offset, destination);
                break;
            case TensorWork.CopyIdentical:
                ReadIdentical(tensor, offset, destination);
                break;
            default:
                Compute(tensor, offset, destination);
                break;
        }

        lastRead.Store(name, offset, destination);
    }

    public void Dispose() => _lastRead.Dispose();

    private Lazy<bool> AddPreparation(PlannedTensor tensor) =>
        _prepared.GetOrAdd(tensor.Tensor.Name, _ => new Lazy<bool>(() => Prepare(tensor)));

    private static bool Prepare(PlannedTensor tensor)
    {
        if (tensor.Work is TensorWork.Compute compute)
        {
            BlockStreamer streamer = new(new WorkerPool(1, CancellationToken.None));
            compute.Operation.Prepare(new StreamedPasses(streamer, 0, compute, tensor.Tensor.ElementCount));
        }

        return true;
    }

    private void Compute(PlannedTensor tensor, long offset, Span<byte> destination)
    {
        int width = tensor.Tensor.DType.Bits() / 8;
        long rowLength = tensor.Work.RowLength;
        WorkerBuffers buffers = _buffers.TryTake(out WorkerBuffers? free) ? free : new WorkerBuffers();
        while (!destination.IsEmpty)
        {
            // The bytes may begin and end within an element, and within a row.
            long first = offset / width;
            long end = Math.Min(
                (offset + destination.Length + width - 1) / width, first + tensor.Work.BlockLength(tensor.Tensor.DType));
            BlockRange range = BlockRange.AlignToRows(first, (int)(end - first), rowLength, tensor.Tensor.ElementCount);
            ReadOnlySpan<byte> bytes = tensor.Work.UsesFloat64(tensor.Tensor.DType)
                ? BlockComputer.Compute<double>(buffers, tensor, range, rowLength, null)
                : BlockComputer.Compute<float>(buffers, tensor, range, rowLength, null);
            bytes = bytes[(int)(offset - (first * width))..];
            int count = Math.Min(bytes.Length, destination.Length);
            bytes[..count].CopyTo(destination);
            destination = destination[count..];
            offset += count;
        }

        _buffers.Add(buffers);
    }

    private static void ReadIdentical(PlannedTensor tensor, long offset, Span<byte> destination)
    {
        tensor.Work.Operands[0].Read(offset, destination);
        byte[] buffer = new byte[destination.Length];
        for (int k = 1; k < tensor.Work.Operands.Count; k++)
        {
            TensorWriter.RequireSame(tensor, k, offset, destination, buffer);
        }
    }

    /// <summary>The bytes of a thread's last read.</summary>
    private sealed class LastRead
    {
        private string? _name;
        private long _offset;
        private byte[] _bytes = [];
        private int _length;

        public bool TryCopy(string name, long offset, Span<byte> destination)
        {
            if (_name != name || _offset != offset || _length != destination.Length)
            {
                return false;
            }

            _bytes.AsSpan(0, _length).CopyTo(destination);
            return true;
        }

        public void Store(string name, long offset, ReadOnlySpan<byte> bytes)
        {
            _name = null;
            // Large reads are not cached: a caller that reads whole tensors would need their memory twice.
            if (bytes.Length > TensorWorkSizes.MaxCachedBytes)
            {
                return;
            }

            if (_bytes.Length < bytes.Length)
            {
                _bytes = new byte[bytes.Length];
            }

            bytes.CopyTo(_bytes);
            (_name, _offset, _length) = (name, offset, bytes.Length);
        }
    }
}
