using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints.PyTorch;

/// <summary>
/// An open PyTorch file: a zip (torch 1.6 and later) or a legacy stream. The pickle describes tensors as strided views of storages, which
/// are read by position. Views are gathered to row-major order.
/// </summary>
internal sealed class PyTorchFile : ICheckpoint
{
    /// <summary>
    /// The most bytes of all tensors relative to the file, plus a constant: a view may repeat elements, and a small file could claim any
    /// size.
    /// </summary>
    private const long MaxGrowth = 16, GrowthAllowance = 1 << 30;

    private const int MaxRank = 64, MaxShown = 5;

    private readonly SafeFileHandle _handle;
    private readonly PyTorchThrow _throw;
    private readonly TensorList _tensors;
    private readonly Dictionary<string, (StridedReader Reader, StoragePlace Place)> _readers = new(StringComparer.Ordinal);

    private PyTorchFile(string path, SafeFileHandle handle, string? key)
    {
        Name = path;
        Folder = RealPath.ResolveFolder(path);
        _handle = handle;
        _throw = new PyTorchThrow(path);
        long length = RandomAccess.GetLength(handle);
        PyTorchContainer container = PyTorchContainer.Read(handle, length, _throw);
        StateDict model = StateDict.Find(container.Content, key, _throw);
        List<TensorInfo> tensors = [];
        Int128 total = 0;
        foreach ((string name, TorchTensor tensor) in model.Tensors)
        {
            TensorInfo info = Describe(name, tensor);
            total += info.ByteLength;
            tensors.Add(info);
            if (info.ElementCount > 0)
            {
                _readers.Add(name, CreateReader(name, tensor, info, container));
            }
        }

        if (total > ((Int128)length * MaxGrowth) + GrowthAllowance)
        {
            throw _throw.Content($"its tensors have {total} bytes, in a file of {length}: views that repeat elements are read up to "
                + $"{MaxGrowth} times the file's size.");
        }

        _tensors = new TensorList(tensors);
        Files = [CheckpointFile.Of(path, handle, container.Hash)];
        Warnings = [.. DescribeContent(model)];
    }

    public string Name { get; }

    public string? Folder { get; }

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public IReadOnlyList<CheckpointFile> Files { get; }

    public IReadOnlyList<string> Warnings { get; }

    /// <param name="path">The file.</param>
    /// <param name="key">The key of the dictionary that is the model, with dots between levels; null to find it.</param>
    public static PyTorchFile Open(string path, string? key) => InputFile.Open(path, handle => new PyTorchFile(path, handle, key));

    public string? FileOf(string name) => Name;

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        TensorInfo tensor = _tensors.CheckRange(Name, name, offset, destination.Length);
        if (destination.IsEmpty)
        {
            return;
        }

        (StridedReader reader, StoragePlace place) = _readers[name];
        place.CheckCrc(_handle, Files[0], name, _throw);
        int width = tensor.DType.Bits() / 8;
        long first = offset / width, last = (offset + destination.Length - 1) / width;
        int skip = (int)(offset - (first * width));
        if (skip == 0 && destination.Length == (last - first + 1) * width)
        {
            reader.Read(ReadStorage, first, destination);
            return;
        }

        // A range that cuts an element: read whole elements, and copy the part.
        byte[] whole = new byte[(last - first + 1) * width];
        reader.Read(ReadStorage, first, whole);
        whole.AsSpan(skip, destination.Length).CopyTo(destination);

        void ReadStorage(long position, Span<byte> bytes) => InputFile.ReadTensor(_handle, Files[0], name, place.Start + position, bytes);
    }

    public void Dispose() => _handle.Dispose();

    private TensorInfo Describe(string name, TorchTensor tensor)
    {
        if (tensor.DType is not { } dtype)
        {
            throw _throw.Tensor(name, $"its type {Printable.Escape(tensor.TypeName)} has no equal in safetensors.",
                "Remedy: convert it, or leave it out, in Python.");
        }

        if (tensor.Reinterpreted is { } reason)
        {
            throw _throw.Tensor(
                name,
                $"{reason}: the stored numbers are not the tensor's.",
                "Remedy: save tensor.resolve_conj(), or .resolve_neg().");
        }

        if (name.Length == 0)
        {
            throw _throw.Tensor(name, "its name is empty.");
        }

        if (tensor.Sizes.Length != tensor.Strides.Length || tensor.Sizes.Length > MaxRank)
        {
            throw _throw.Tensor(name,
                $"{tensor.Sizes.Length} sizes and {tensor.Strides.Length} strides; as many of both, and at most {MaxRank}, are expected.");
        }

        if (tensor.Offset < 0 || tensor.Sizes.Any(s => s < 0) || tensor.Strides.Any(s => s < 0))
        {
            throw _throw.Tensor(name, "a negative offset, size or stride.");
        }

        try
        {
            return new TensorInfo(name, dtype, new TensorShape(tensor.Sizes));
        }
        catch (OverflowException)
        {
            throw _throw.Tensor(name, $"its shape [{string.Join(", ", tensor.Sizes)}] has 2^63 elements or more.");
        }
    }

    private (StridedReader Reader, StoragePlace Place) CreateReader(
        string name, TorchTensor tensor, TensorInfo info, PyTorchContainer container)
    {
        TorchStorage storage = tensor.Storage;
        StoragePlace place = container.Place(storage, name, _throw);
        int width = info.DType.Bits() / 8;
        Int128 last = tensor.Offset;
        for (int axis = 0; axis < tensor.Sizes.Length; axis++)
        {
            last += (Int128)(tensor.Sizes[axis] - 1) * tensor.Strides[axis];
        }

        Int128 available = (Int128)storage.Count * TorchTypes.Width(storage) / width;
        if (last >= available)
        {
            throw _throw.Tensor(name, $"its last element is number {last + 1} of storage {storage.Key}, which has {available}.");
        }

        return (new StridedReader(tensor.Sizes, tensor.Strides, tensor.Offset + storage.ViewOffset, width), place);
    }

    private IEnumerable<string> DescribeContent(StateDict model)
    {
        string shown = Printable.Escape(Name);
        if (model.Key.Length > 0)
        {
            yield return $"{shown}: the model is its dictionary {Printable.Escape(model.Key)}.";
        }

        if (model.LeftOut.Count > 0)
        {
            yield return $"{shown}: {List(model.LeftOut)} left out, because they are no tensors.";
        }

        string[] shared =
        [
            .. model.Tensors
                .Where(t => !t.Value.Sizes.Contains(0))
                .GroupBy(t => DescribeView(t.Value), StringComparer.Ordinal)
                .Where(g => g.Count() > 1)
                .Select(g => string.Join(" = ", g.Select(t => Printable.Escape(t.Key)))),
        ];
        if (shared.Length > 0)
        {
            yield return $"{shown}: tensors share memory ({List(shared)}); each is read on its own.";
        }

        static string DescribeView(TorchTensor tensor) =>
            $"{tensor.Storage.Key} {tensor.Offset + tensor.Storage.ViewOffset} "
                + $"{string.Join(',', tensor.Sizes)} {string.Join(',', tensor.Strides)}";

        static string List(IReadOnlyList<string> names)
        {
            string more = names.Count > MaxShown ? $" and {names.Count - MaxShown} more" : "";
            return string.Join(", ", names.Take(MaxShown).Select(Printable.Escape)) + more;
        }
    }
}
