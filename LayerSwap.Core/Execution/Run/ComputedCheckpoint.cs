using System.Collections.Concurrent;
using LayerSwap.Checkpoints;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Execution;

/// <summary>A plan as a checkpoint: what is read is computed at that moment, and nothing is written. Passes over a tensor are made once, when it is first read.</summary>
internal sealed class ComputedCheckpoint : ICheckpoint, IComputedCheckpoint
{
    private readonly MergePlan _plan;
    private readonly TensorList _tensors;
    private readonly Lazy<Dictionary<string, PlannedTensor>> _planned;
    private readonly ConcurrentDictionary<string, Lazy<bool>> _prepared = new(StringComparer.Ordinal);
    private readonly Lazy<Dictionary<string, Func<byte[]>>> _companions;
    private readonly ConcurrentBag<WorkerBuffers> _scratch = [];
    private readonly ThreadLocal<Window> _last = new(() => new Window());

    public ComputedCheckpoint(MergePlan plan, string? name = null)
    {
        _plan = plan;
        _tensors = new TensorList(plan.Tensors.Select(t => t.Tensor));
        // Plans ask for names only; what is needed to read waits for that.
        _planned = new(() => plan.Tensors.ToDictionary(t => t.Tensor.Name, StringComparer.Ordinal));
        _companions = new(() => AuxiliaryFilePlan.Of(plan.Request, plan.ConfigChanges).ToDictionary(f => f.Name, f => f.Make, StringComparer.Ordinal));
        Files = [.. plan.Request.Inputs.SelectMany(i => i.Files).DistinctBy(f => f.Path, StringComparer.Ordinal)];
        Metadata = plan.Request.Donor.Metadata;
        LayerMap.Share(plan.Layers, this);
        Name = $"{name ?? $"merge of {string.Join(", ", plan.Request.Inputs.Select(i => i.Name))}"} ({MergeFingerprint.Short(plan)})";
    }

    /// <summary>Its name, or what it is made of, and a digest of how: merges of the same models differ.</summary>
    public string Name { get; }

    public string? Folder => _plan.Request.Donor.Folder;

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata { get; }

    public IReadOnlyList<CheckpointFile> Files { get; }

    public IReadOnlyDictionary<string, Func<byte[]>> Companions => _companions.Value;

    public IReadOnlyList<WatchedFolder> Watched => _plan.Watched;

    public IReadOnlyList<ICheckpoint> Inputs => _plan.Request.Inputs;

    /// <summary>One block, and the window that is remembered.</summary>
    public long WorkingBytes => 2 * PlanMemory.BlockBytes(_plan.Tensors);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.Window(Name, name, offset, destination.Length);
        // A checkpoint that another uses twice is read twice, at the same places: without this, thirty that each use the one before twice would compute a billion times.
        Window last = _last.Value!;
        if (last.TryCopy(name, offset, destination))
        {
            return;
        }

        PlannedTensor tensor = _planned.Value[name];
        if (!_prepared.TryGetValue(name, out Lazy<bool>? prepared))
        {
            prepared = Preparing(tensor);
        }

        _ = prepared.Value;
        switch (tensor.Work)
        {
            case TensorWork.Copy:
                tensor.Work.Operands[0].Read(offset, destination);
                break;
            case TensorWork.Agree:
                ReadAgreed(tensor, offset, destination);
                break;
            default:
                Compute(tensor, offset, destination);
                break;
        }

        last.Remember(name, offset, destination);
    }

    public void Dispose() => _last.Dispose();

    private Lazy<bool> Preparing(PlannedTensor tensor) => _prepared.GetOrAdd(tensor.Tensor.Name, _ => new Lazy<bool>(() => Prepare(tensor)));

    private static bool Prepare(PlannedTensor tensor)
    {
        if (tensor.Work is TensorWork.Compute compute)
        {
            compute.Merge.Prepare(new StreamedPasses(new BlockStreamer(new WorkerPool(1, CancellationToken.None)), 0, compute, tensor.Tensor.ElementCount));
        }

        return true;
    }

    private void Compute(PlannedTensor tensor, long offset, Span<byte> destination)
    {
        int width = tensor.Tensor.DType.Bits() / 8;
        long unit = tensor.Work.Unit;
        WorkerBuffers scratch = _scratch.TryTake(out WorkerBuffers? free) ? free : new WorkerBuffers();
        while (!destination.IsEmpty)
        {
            // A window may begin and end within an element, and within a unit.
            long first = offset / width, end = Math.Min((offset + destination.Length + width - 1) / width, first + tensor.Work.BlockFor(tensor.Tensor.DType));
            BlockRange range = BlockRange.Around(first, (int)(end - first), unit, tensor.Tensor.ElementCount);
            ReadOnlySpan<byte> bytes = tensor.Work.InDoubles(tensor.Tensor.DType)
                ? BlockComputer.Compute<double>(scratch, tensor, range, unit, null)
                : BlockComputer.Compute<float>(scratch, tensor, range, unit, null);
            bytes = bytes[(int)(offset - (first * width))..];
            int count = Math.Min(bytes.Length, destination.Length);
            bytes[..count].CopyTo(destination);
            destination = destination[count..];
            offset += count;
        }

        _scratch.Add(scratch);
    }

    private static void ReadAgreed(PlannedTensor tensor, long offset, Span<byte> destination)
    {
        tensor.Work.Operands[0].Read(offset, destination);
        byte[] other = new byte[destination.Length];
        for (int k = 1; k < tensor.Work.Operands.Count; k++)
        {
            TensorWriter.RequireSame(tensor, k, offset, destination, other);
        }
    }

    /// <summary>The bytes that a thread read last.</summary>
    private sealed class Window
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

        public void Remember(string name, long offset, ReadOnlySpan<byte> bytes)
        {
            _name = null;
            // Whole tensors that somebody reads at once are not kept.
            if (bytes.Length > TensorWorkSizes.LongestRemembered)
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
