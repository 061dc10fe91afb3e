namespace LayerSwap.Checkpoints;

/// <summary>A view of other checkpoints: what lies beside its weights is what lies beside those of one of them.</summary>
internal interface ICheckpointView
{
    ICheckpoint Donor { get; }
}

/// <summary>A checkpoint that is computed: what would lie beside its weights, by name; made when it is asked for.</summary>
internal interface IComputedCheckpoint
{
    IReadOnlyDictionary<string, Func<byte[]>> Companions { get; }
}

/// <summary>The files beside a checkpoint's weights: configuration, tokenizer, chat template, licence.</summary>
internal static class Companions
{
    /// <summary>Where they come from: a folder, null for none, or a computed checkpoint. Checkpoints with one source have the same.</summary>
    public static object? SourceOf(ICheckpoint checkpoint) => OwnerOf(checkpoint) is IComputedCheckpoint computed ? computed : checkpoint.Folder;

    /// <summary>The checkpoint beside whose weights they lie.</summary>
    private static ICheckpoint OwnerOf(ICheckpoint checkpoint)
    {
        while (checkpoint is ICheckpointView view)
        {
            checkpoint = view.Donor;
        }

        return checkpoint;
    }

    public static IEnumerable<string> NamesOf(ICheckpoint checkpoint) => OwnerOf(checkpoint) switch
    {
        IComputedCheckpoint computed => computed.Companions.Keys,
        { Folder: { } folder } when Directory.Exists(folder) => Directory.EnumerateFiles(folder).Where(File.Exists).Select(p => Path.GetFileName(p)),
        _ => [],
    };

    public static bool Has(ICheckpoint checkpoint, string name) => OwnerOf(checkpoint) switch
    {
        IComputedCheckpoint computed => computed.Companions.ContainsKey(name),
        { Folder: { } folder } => File.Exists(Path.Combine(folder, name)),
        _ => false,
    };

    /// <summary>All of a file; null where there is none.</summary>
    public static byte[]? TryRead(ICheckpoint checkpoint, string name, long longest) => OwnerOf(checkpoint) is IComputedCheckpoint computed ? computed.Companions.GetValueOrDefault(name)?.Invoke()
        : Has(checkpoint, name) ? InputFile.ReadAll(PathOf(checkpoint, name), longest)
        : null;

    /// <summary>All of a file that is there, to be copied: an empty one, which a pipe would look like too, is empty.</summary>
    public static byte[] Copy(ICheckpoint checkpoint, string name)
    {
        if (OwnerOf(checkpoint) is IComputedCheckpoint computed)
        {
            return computed.Companions[name]();
        }

        FileInfo file = new(PathOf(checkpoint, name));
        return (file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file).Length == 0 ? [] : InputFile.ReadAll(file.FullName, Array.MaxLength);
    }

    /// <summary>What a file goes by in messages.</summary>
    public static string PathOf(ICheckpoint checkpoint, string name) => OwnerOf(checkpoint) is { Folder: { } folder } and not IComputedCheckpoint ? Path.Combine(folder, name) : $"{name} of {checkpoint.Name}";
}
