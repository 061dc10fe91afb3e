using System.Globalization;

namespace LayerSwap.Checkpoints;

/// <summary>
/// A view of a checkpoint that packs the experts of a layer into two tensors, as transformers 5 keeps them, with one tensor for each projection of each expert, as transformers 4 did:
/// <c>experts.gate_up_proj</c> (E, 2 I, H) holds for each expert I rows of its gate and I of its up projection, <c>experts.down_proj</c> (E, H, I) its down projection. Each is a window of the packed
/// bytes; nothing is copied.
/// </summary>
internal sealed class ExpertsApart : ICheckpoint, ICheckpointView
{
    private const string GateUp = "experts.gate_up_proj", Down = "experts.down_proj";

    private readonly TensorList _tensors;
    private readonly Dictionary<string, (string Packed, long Offset)> _windows;

    private ExpertsApart(ICheckpoint donor, List<TensorInfo> tensors, Dictionary<string, (string, long)> windows)
    {
        Donor = donor;
        _tensors = new TensorList(tensors);
        _windows = windows;
    }

    public ICheckpoint Donor { get; }

    public string Name => Donor.Name;

    public string? Folder => Donor.Folder;

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata => Donor.Metadata;

    public IReadOnlyList<CheckpointFile> Files => Donor.Files;

    /// <summary>Whether experts are packed by rows.</summary>
    public static bool Applies(ICheckpoint checkpoint) => checkpoint.Tensors.Any(t => t.Name.EndsWith(GateUp, StringComparison.Ordinal))
        && checkpoint.Tensors.Where(t => t.Name.EndsWith(GateUp, StringComparison.Ordinal)).All(t => DownOf(checkpoint, t) is not null);

    /// <returns>The checkpoint itself if it packs no experts.</returns>
    /// <exception cref="MergeException">It packs them in another order, not by rows.</exception>
    public static ICheckpoint Of(ICheckpoint checkpoint)
    {
        List<TensorInfo> tensors = [];
        Dictionary<string, (string, long)> windows = new(StringComparer.Ordinal);
        foreach (TensorInfo tensor in checkpoint.Tensors)
        {
            if (tensor.Name.EndsWith(GateUp, StringComparison.Ordinal))
            {
                TensorInfo down = DownOf(checkpoint, tensor) ?? throw new MergeException($"{tensor} of {Printable.Escape(checkpoint.Name)} does not hold the experts by rows, as (experts, 2 x intermediate, hidden) beside down_proj as (experts, hidden, intermediate). "
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
            else if (!(tensor.Name.EndsWith(Down, StringComparison.Ordinal) && checkpoint.Find(tensor.Name[..^Down.Length] + GateUp) is not null))
            {
                Add(tensor.Name, tensor, tensor.Shape, 0);
            }
        }

        return windows.Values.All(w => w.Item2 == 0) && tensors.Count == checkpoint.Tensors.Count ? checkpoint : new ExpertsApart(checkpoint, tensors, windows);

        void Add(string name, TensorInfo packed, TensorShape shape, long offset)
        {
            if (!windows.TryAdd(name, (packed.Name, offset)))
            {
                throw new MergeException($"{Printable.Escape(checkpoint.Name)} has {Printable.Escape(name)}, and packs it too. Remedy: fetch the model again.");
            }

            tensors.Add(new TensorInfo(name, packed.DType, shape));
        }
    }

    public string? FileOf(string name) => Donor.FileOf(_windows[name].Packed);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.Window(Name, name, offset, destination.Length);
        (string packed, long start) = _windows[name];
        Donor.Read(packed, start + offset, destination);
    }

    public void Dispose()
    {
    }

    /// <summary>The down projections that lie beside packed gates; null if shapes say that they are not packed by rows.</summary>
    private static TensorInfo? DownOf(ICheckpoint checkpoint, TensorInfo gateUp) =>
        checkpoint.Find(gateUp.Name[..^GateUp.Length] + Down) is { Shape.Rank: 3 } down && gateUp.Shape.Rank == 3 && down.DType.Bits() % 8 == 0 && gateUp.DType.Bits() % 8 == 0
            && down.Shape[0] == gateUp.Shape[0] && down.Shape[1] == gateUp.Shape[2] && gateUp.Shape[1] == 2 * down.Shape[2] && down.ElementCount > 0 ? down : null;
}
