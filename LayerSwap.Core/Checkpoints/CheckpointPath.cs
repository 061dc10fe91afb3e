using LayerSwap.Checkpoints.Lora;

namespace LayerSwap.Checkpoints;

/// <summary>Opens what a path names: a file, a folder, an index, or a base with an adapter.</summary>
internal static class CheckpointPath
{
    public static ICheckpoint Open(string path, OpenOptions options)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException("Checkpoints are little-endian; big-endian machines are not supported.");
        }

        if (Directory.Exists(InputFile.ResolvePath(path)))
        {
            return CheckpointFolder.Open(path, options);
        }

        if (!InputFile.Exists(path) && SplitAdapter(path) is var (basePath, adapter))
        {
            return AdaptedCheckpoint.Open(path, adapter, basePath, options);
        }

        if (WeightsFormat.All.FirstOrDefault(f => f.IndexFile == Path.GetFileName(path)) is { } indexed && InputFile.Exists(path))
        {
            // An index opens its folder.
            return CheckpointFolder.Open(Path.GetDirectoryName(path) is { Length: > 0 } folder ? folder : ".", options, indexed);
        }

        return WeightsFormat.Detect(path).Open(path, options);
    }

    /// <summary>Splits <c>BASE+ADAPTER</c> at a plus sign where both exist.</summary>
    private static (string Base, string Adapter)? SplitAdapter(string path)
    {
        for (int plus = path.LastIndexOf('+'); plus > 0; plus = path.LastIndexOf('+', plus - 1))
        {
            (string basePath, string adapter) = (path[..plus], path[(plus + 1)..]);
            if (adapter.Length > 0 && Directory.Exists(InputFile.ResolvePath(adapter))
                && (InputFile.Exists(basePath) || SplitAdapter(basePath) is not null))
            {
                return (basePath, adapter);
            }
        }

        return null;
    }
}
