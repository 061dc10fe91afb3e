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

        if (!InputFile.Exists(path) && SplitAdapter(path, FindExisting) is var (basePath, adapter))
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

    /// <summary>Splits <c>BASE+ADAPTER</c> at the last plus sign where both are found. The base may have an adapter too.</summary>
    /// <param name="path">The path.</param>
    /// <param name="find">Finds the path of a model by its name; null if there is none.</param>
    public static (string Base, string Adapter)? SplitAdapter(string path, Func<string, string?> find)
    {
        for (int plus = path.LastIndexOf('+'); plus > 0; plus = path.LastIndexOf('+', plus - 1))
        {
            if (find(path[(plus + 1)..]) is { } adapter
                && Directory.Exists(InputFile.ResolvePath(adapter))
                && (find(path[..plus]) ?? JoinAdapter(SplitAdapter(path[..plus], find))) is { } basePath)
            {
                return (basePath, adapter);
            }
        }

        return null;
    }

    /// <summary>Joins what <see cref="SplitAdapter"/> found to a path that can be opened.</summary>
    public static string? JoinAdapter((string Base, string Adapter)? parts) =>
        parts is var (basePath, adapter) ? $"{basePath}+{adapter}" : null;

    private static string? FindExisting(string path) => path.Length > 0 && InputFile.Exists(path) ? path : null;
}
