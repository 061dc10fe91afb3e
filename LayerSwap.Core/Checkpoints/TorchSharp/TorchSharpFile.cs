using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints.TorchSharp;

/// <summary>An open TorchSharp file (Module.save). Tensor data is read by file offset.</summary>
internal sealed class TorchSharpFile : ICheckpoint
{
    private readonly SafeFileHandle _handle;
    private readonly TorchSharpThrow _throw;
    private readonly TensorList _tensors;
    private readonly Dictionary<string, long> _offsets;

    private TorchSharpFile(string path, SafeFileHandle handle)
    {
        Name = path;
        Folder = RealPath.ResolveFolder(path);
        _handle = handle;
        _throw = new TorchSharpThrow(path);
        TorchSharpHeader header = TorchSharpHeaderReader.Read(handle, _throw);
        _tensors = new TensorList(header.Tensors.Select(t => t.Tensor));
        _offsets = header.Tensors.ToDictionary(t => t.Tensor.Name, t => t.Offset, StringComparer.Ordinal);
        Files =
        [
            new CheckpointFile
            {
                Path = path,
                Length = RandomAccess.GetLength(handle),
                HeaderHash = header.Hash,
                Identity = FileIdentity.Of(handle),
            },
        ];
    }

    public string Name { get; }

    public string? Folder { get; }

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public IReadOnlyList<CheckpointFile> Files { get; }

    public static TorchSharpFile Open(string path)
    {
        SafeFileHandle handle = InputFile.Open(path);
        try
        {
            return new TorchSharpFile(path, handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    public string? FileOf(string name) => Name;

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.CheckRange(Name, name, offset, destination.Length);
        if (!PositionalRead.TryFill(_handle, destination, _offsets[name] + offset))
        {
            throw _throw.CutShort(name);
        }
    }

    public void Dispose() => _handle.Dispose();
}
