using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints.TorchSharp;

/// <summary>An open TorchSharp file (Module.save). Tensor data is read by file offset.</summary>
internal sealed class TorchSharpFile : ICheckpoint
{
    private readonly SafeFileHandle _handle;
    private readonly TensorList _tensors;
    private readonly Dictionary<string, long> _offsets;

    private TorchSharpFile(string path, SafeFileHandle handle)
    {
        Name = path;
        Folder = RealPath.ResolveFolder(path);
        _handle = handle;
        TorchSharpHeader header = TorchSharpHeaderReader.Read(handle, new TorchSharpThrow(path));
        _tensors = new TensorList(header.Tensors.Select(t => t.Tensor));
        _offsets = header.Tensors.ToDictionary(t => t.Tensor.Name, t => t.Offset, StringComparer.Ordinal);
        Files = [CheckpointFile.Of(path, handle, header.Hash)];
    }

    public string Name { get; }

    public string? Folder { get; }

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public IReadOnlyList<CheckpointFile> Files { get; }

    public static TorchSharpFile Open(string path) => InputFile.Open(path, handle => new TorchSharpFile(path, handle));

    public string? FileOf(string name) => Name;

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.CheckRange(Name, name, offset, destination.Length);
        InputFile.ReadTensor(_handle, Files[0], name, _offsets[name] + offset, destination);
    }

    public void Dispose() => _handle.Dispose();
}
