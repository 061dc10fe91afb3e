using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints.SafeTensors;

/// <summary>An open .safetensors file with a validated header. Tensor data is read by file offset.</summary>
internal sealed class SafeTensorsFile : ICheckpoint
{
    private readonly SafeFileHandle _handle;
    private readonly SafeTensorsThrow _throw;
    private readonly TensorList _tensors;
    private readonly long _dataStart;
    private readonly long[] _offsets;
    private readonly long _length;

    private SafeTensorsFile(string path, SafeFileHandle handle)
    {
        Name = path;
        Folder = RealPath.ResolveFolder(path);
        _handle = handle;
        _throw = new SafeTensorsThrow(path);
        SafeTensorsHeader header = SafeTensorsHeaderReader.Read(handle, path);
        _length = RandomAccess.GetLength(handle);
        _tensors = new TensorList(header.Tensors, header.Index);
        (_dataStart, _offsets) = (header.DataStart, header.Offsets);
        Metadata = header.Metadata;
        Files = [new CheckpointFile { Path = path, Length = _length, HeaderHash = header.Hash, Identity = FileIdentity.Of(handle) }];
    }

    public string Name { get; }

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata { get; }

    public string? Folder { get; }

    public IReadOnlyList<CheckpointFile> Files { get; }

    public static SafeTensorsFile Open(string path)
    {
        SafeFileHandle handle = InputFile.Open(path);
        try
        {
            return new SafeTensorsFile(path, handle);
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
        bool complete;
        try
        {
            complete = PositionalRead.TryFill(_handle, destination, _dataStart + _offsets[_tensors.IndexOf(name)] + offset);
        }
        catch (IOException e)
        {
            string message = $"{Printable.Escape(Name)} could not be read at tensor {Printable.Escape(name)}: {e.Message}";
            throw new IOException(message, e) { HResult = e.HResult };
        }

        if (!complete)
        {
            throw _throw.CutShort(name, _length);
        }
    }

    public void Dispose() => _handle.Dispose();
}
