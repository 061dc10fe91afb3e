using LayerSwap.Checkpoints.PyTorch;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Checkpoints.TorchSharp;
using LayerSwap.IO;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Checkpoints;

/// <summary>A file format of weights: how its files are named in a folder, and how one is opened.</summary>
internal sealed record WeightsFormat
{
    /// <summary>The name of a model that is a single file.</summary>
    public required string SingleFile { get; init; }

    /// <summary>The name of the index of a model in several files; null if the format has none.</summary>
    public required string? IndexFile { get; init; }

    public required string[] Extensions { get; init; }

    public required Func<string, OpenOptions, ICheckpoint> Open { get; init; }

    public static WeightsFormat SafeTensors { get; } = new()
    {
        SingleFile = SafeTensorsFormat.SingleFile,
        IndexFile = ShardIndex.FileName,
        Extensions = [SafeTensorsFormat.Extension],
        Open = (path, _) => SafeTensorsFile.Open(path),
    };

    public static WeightsFormat PyTorch { get; } = new()
    {
        SingleFile = "pytorch_model.bin",
        IndexFile = "pytorch_model.bin.index.json",
        Extensions = [".bin", ".pt", ".pth", ".ckpt"],
        Open = (path, options) => PyTorchFile.Open(path, options.Key),
    };

    public static WeightsFormat TorchSharp { get; } = new()
    {
        SingleFile = "model.dat",
        IndexFile = null,
        Extensions = [TorchSharpFormat.Extension],
        Open = (path, _) => TorchSharpFile.Open(path),
    };

    /// <summary>All formats. In a folder with several, the first wins.</summary>
    public static IReadOnlyList<WeightsFormat> All { get; } = [SafeTensors, PyTorch, TorchSharp];

    /// <summary>
    /// Recognizes the format of a file by its first bytes. TorchSharp's has no magic number: it needs the extension .dat too.
    /// </summary>
    public static WeightsFormat Detect(string path)
    {
        const int HeadLength = 16;
        using SafeFileHandle handle = InputFile.Open(path);
        byte[] head = new byte[Math.Min(HeadLength, RandomAccess.GetLength(handle))];
        PositionalRead.TryFill(handle, head, 0);
        return PyTorchContainer.IsPyTorch(head) ? PyTorch
            : path.EndsWith(TorchSharpFormat.Extension, StringComparison.OrdinalIgnoreCase) && !SafeTensorsFormat.IsOther(head) ? TorchSharp
            : SafeTensors;
    }

    public bool HasExtension(string file) => Extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase);
}
