using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>An open .safetensors file with a validated header. Tensor data is read by file offset.</summary>
internal sealed class SafeTensorsFile : ICheckpoint
{
    private readonly SafeFileHandle _handle;
    private readonly TensorList _tensors;
    private readonly long _dataStart;
    private readonly long[] _offsets;

    private SafeTensorsFile(string path, SafeFileHandle handle)
    {
        Name = path;
        Folder = RealPath.ResolveFolder(path);
        _handle = handle;
        SafeTensorsHeader header = SafeTensorsHeaderReader.Read(handle, path);
        _tensors = new TensorList(header.Tensors, header.Index);
        (_dataStart, _offsets) = (header.DataStart, header.Offsets);
        Metadata = header.Metadata;
        Files = [CheckpointFile.Of(path, handle, header.Hash)];
    }

    public string Name { get; }

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata { get; }

    public string? Folder { get; }

    public IReadOnlyList<CheckpointFile> Files { get; }

    public static SafeTensorsFile Open(string path) => InputFile.Open(path, handle => new SafeTensorsFile(path, handle));

    public string? FileOf(string name) => Name;

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.CheckRange(Name, name, offset, destination.Length);
        InputFile.ReadTensor(_handle, Files[0], name, _dataStart + _offsets[_tensors.IndexOf(name)] + offset, destination);
    }

    public void Dispose() => _handle.Dispose();
}
