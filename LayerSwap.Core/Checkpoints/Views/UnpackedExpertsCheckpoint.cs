using System.Globalization;

namespace LayerSwap.Checkpoints;

/// <summary>
/// A view that splits packed experts (two tensors a layer, transformers 5) into one tensor for each projection of each expert
/// (transformers 4). <c>experts.gate_up_proj</c> (E, 2 I, H) has I gate rows and then I up rows for each expert;
/// <c>experts.down_proj</c> is (E, H, I). Each tensor of the view is a byte range of a packed tensor; nothing is copied.
/// </summary>
internal sealed class UnpackedExpertsCheckpoint : ICheckpoint, ICheckpointView
{
    private const string GateUp = "experts.gate_up_proj", Down = "experts.down_proj";

    private readonly TensorList _tensors;
    private readonly Dictionary<string, (string Packed, long Offset)> _windows;

    private UnpackedExpertsCheckpoint(
        ICheckpoint packed, List<TensorInfo> tensors, Dictionary<string, (string Packed, long Offset)> windows)
    {
        ConfigSource = packed;
        _tensors = new TensorList(tensors);
        _windows = windows;
    }

    public ICheckpoint ConfigSource { get; }

    public string Name => ConfigSource.Name;

    public string? Folder => ConfigSource.Folder;

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata => ConfigSource.Metadata;

    public IReadOnlyList<CheckpointFile> Files => ConfigSource.Files;

    /// <summary>Whether the checkpoint packs experts, and all of them by rows.</summary>
    public static bool CanUnpack(ICheckpoint checkpoint)
    {
        TensorInfo[] packed = [.. checkpoint.Tensors.Where(t => t.Name.EndsWith(GateUp, StringComparison.Ordinal))];
        return packed.Length > 0 && packed.All(t => FindDown(checkpoint, t) is not null);
    }

    /// <summary>Creates a view with split experts.</summary>
    /// <returns>The checkpoint itself if it packs no experts.</returns>
    /// <exception cref="MergeException">Experts are packed, but not by rows.</exception>
    public static ICheckpoint Create(ICheckpoint checkpoint)
    {
        List<TensorInfo> tensors = [];
        Dictionary<string, (string Packed, long Offset)> windows = new(StringComparer.Ordinal);
        foreach (TensorInfo tensor in checkpoint.Tensors)
        {
            if (tensor.Name.EndsWith(GateUp, StringComparison.Ordinal))
            {
                TensorInfo down = FindDown(checkpoint, tensor) ?? throw new MergeException(
                    $"{tensor} of {Printable.Escape(checkpoint.Name)} does not hold the experts by rows, "
                    + "as (experts, 2 x intermediate, hidden) with down_proj as (experts, hidden, intermediate). "
                    + "Remedy: load the model with the version of transformers that wrote the other, and save it again.");
                string prefix = tensor.Name[..^"gate_up_proj".Length];
                long hidden = down.Shape[1], inner = down.Shape[2], size = hidden * inner * tensor.DType.Bits() / 8;
                for (long e = 0; e < down.Shape[0]; e++)
                {
                    string expert = string.Create(CultureInfo.InvariantCulture, $"{prefix}{e}.");
                    Add($"{expert}gate_proj.weight", tensor, new TensorShape(inner, hidden), 2 * e * size);
                    Add($"{expert}up_proj.weight", tensor, new TensorShape(inner, hidden), ((2 * e) + 1) * size);
                    Add($"{expert}down_proj.weight", down, new TensorShape(hidden, inner), e * down.ByteLength / down.Shape[0]);
                }
            }
            else if (!tensor.Name.EndsWith(Down, StringComparison.Ordinal) || checkpoint.Find(tensor.Name[..^Down.Length] + GateUp) is null)
            {
                Add(tensor.Name, tensor, tensor.Shape, 0);
            }
        }

        return windows.Values.All(w => w.Offset == 0) && tensors.Count == checkpoint.Tensors.Count
            ? checkpoint
            : new UnpackedExpertsCheckpoint(checkpoint, tensors, windows);

        void Add(string name, TensorInfo packed, TensorShape shape, long offset)
        {
            if (!windows.TryAdd(name, (packed.Name, offset)))
            {
                throw new MergeException(
                    $"{Printable.Escape(checkpoint.Name)} has {Printable.Escape(name)} both packed and as a tensor; one is expected. "
                    + "Remedy: fetch the model again.");
            }

            tensors.Add(new TensorInfo(name, packed.DType, shape));
        }
    }

    public IReadOnlyList<string> Warnings => ConfigSource.Warnings;

    public string? FileOf(string name) => ConfigSource.FileOf(_windows[name].Packed);

    public DType DefaultDType(string name) => ConfigSource.DefaultDType(_windows[name].Packed);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.CheckRange(Name, name, offset, destination.Length);
        (string packed, long start) = _windows[name];
        ConfigSource.Read(packed, start + offset, destination);
    }

    public void Dispose()
    {
    }

    /// <summary>Finds the packed down projections of packed gates.</summary>
    /// <returns>Null if the shapes are not (E, 2 I, H) and (E, H, I), or elements are not whole bytes.</returns>
    private static TensorInfo? FindDown(ICheckpoint checkpoint, TensorInfo gateUp)
    {
        TensorInfo? down = checkpoint.Find(gateUp.Name[..^GateUp.Length] + Down);
        bool byRows = down is { Shape.Rank: 3, ElementCount: > 0 } && gateUp.Shape.Rank == 3
            && down.DType.Bits() % 8 == 0 && gateUp.DType.Bits() % 8 == 0
            && down.Shape[0] == gateUp.Shape[0] && down.Shape[1] == gateUp.Shape[2] && gateUp.Shape[1] == 2 * down.Shape[2];
        return byRows ? down : null;
    }
}
