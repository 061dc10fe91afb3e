using System.IO.Enumeration;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Files;

namespace LayerSwap.Checkpoints;

/// <summary>A view of other checkpoints: what lies beside its weights is what lies beside those of one of them.</summary>
internal interface ICheckpointView
{
    ICheckpoint Donor { get; }

    /// <summary>The stack that layers are counted in, where it was chosen; else that of the donor.</summary>
    string? MainStack => (Donor as ICheckpointView)?.MainStack;
}

/// <summary>A checkpoint that is computed from others when it is read.</summary>
internal interface IComputedCheckpoint
{
    /// <summary>What would lie beside its weights, by name; made when it is asked for.</summary>
    IReadOnlyDictionary<string, Func<byte[]>> Companions { get; }

    /// <summary>The files beside weights that it depends on.</summary>
    IReadOnlyList<WatchedFolder> Watched { get; }

    /// <summary>What it is computed from.</summary>
    IReadOnlyList<ICheckpoint> Inputs { get; }

    /// <summary>The memory that computing a block of it takes, in bytes a thread; that of its inputs not included.</summary>
    long WorkingBytes { get; }
}

/// <summary>The files beside a checkpoint's weights: configuration, tokenizer, chat template, licence.</summary>
internal static class Companions
{
    private static readonly string[] ModelPatterns =
    [
        "config.json", "generation_config.json", "*configuration*.json", "*preprocessor_config.json", "processor_config.json", "*.py", "LICENSE*", "NOTICE*", "USE_POLICY*",
    ];

    private static readonly string[] TokenizerPatterns =
    [
        "tokenizer*", "vocab*.json", "vocab*.txt", "merges.txt", "special_tokens_map.json", "added_tokens.json", "chat_template*", "*.model", "*.tiktoken",
    ];

    /// <summary>Whether a file belongs to the model that gives the configuration.</summary>
    public static bool IsOfModel(string name) => Matches(name, ModelPatterns);

    /// <summary>Whether a file belongs to the tokenizer.</summary>
    public static bool IsOfTokenizer(string name) => Matches(name, TokenizerPatterns);

    /// <summary>Whether a merge depends on a file of this name beside its weights.</summary>
    public static bool IsInput(string name) => IsOfModel(name) || IsOfTokenizer(name) || name == ShardIndex.FileName;

    /// <summary>Where they come from: a folder, null for none, or a computed checkpoint. Checkpoints with one source have the same.</summary>
    public static object? SourceOf(ICheckpoint checkpoint) => OwnerOf(checkpoint) is IComputedCheckpoint computed ? computed : checkpoint.Folder;

    /// <summary>The checkpoint beside whose weights they lie.</summary>
    public static ICheckpoint OwnerOf(ICheckpoint checkpoint)
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
        { Folder: { } folder } => NamesIn(folder),
        _ => [],
    };

    /// <summary>The names of everything in a folder that is not a folder. A link that leads nowhere is one of them: reading it says so.</summary>
    public static IEnumerable<string> NamesIn(string folder)
    {
        string real = RealPath.Of(folder);
        return Directory.Exists(real) ? Directory.EnumerateFileSystemEntries(real).Where(e => !Directory.Exists(e)).Select(e => Path.GetFileName(e)!) : [];
    }

    public static bool Has(ICheckpoint checkpoint, string name) => OwnerOf(checkpoint) switch
    {
        IComputedCheckpoint computed => computed.Companions.ContainsKey(name),
        { Folder: { } folder } => FileStatus.OfEntry(Path.Combine(RealPath.Of(folder), name)) is not null,
        _ => false,
    };

    /// <summary>All of a file; null where there is none.</summary>
    public static byte[]? TryRead(ICheckpoint checkpoint, string name, long longest) => OwnerOf(checkpoint) is IComputedCheckpoint computed ? computed.Companions.GetValueOrDefault(name)?.Invoke()
        : Has(checkpoint, name) ? InputFile.ReadAll(PathOf(checkpoint, name), longest)
        : null;

    /// <summary>All of a file that is there, to be copied; it may be empty.</summary>
    public static byte[] Copy(ICheckpoint checkpoint, string name)
    {
        if (OwnerOf(checkpoint) is IComputedCheckpoint computed)
        {
            return computed.Companions[name]();
        }

        string path = PathOf(checkpoint, name);
        return FileStatus.Of(InputFile.RealOf(path)) is { Kind: FileKind.File, Identity.Length: 0 } ? [] : InputFile.ReadAll(path, Array.MaxLength);
    }

    /// <summary>Why a file cannot be copied into an output; null where it can. Links may lead to places within the model's folder, or the model's part of the Hub's cache; what is elsewhere need not be the model's.</summary>
    public static string? Refusal(ICheckpoint checkpoint, string name)
    {
        if (OwnerOf(checkpoint) is not { Folder: { } folder } owner || owner is IComputedCheckpoint)
        {
            return null;
        }

        string path = Path.Combine(folder, name), shown = Printable.Escape(PathOf(checkpoint, name)), real = InputFile.RealOf(path), home = HubCache.ModelOf(folder) ?? RealPath.Of(folder);
        return FileStatus.Of(real) is not { } status ? $"{shown} is a link to {Printable.Escape(real)}, which does not exist. Remedy: fetch the file it points to, or remove the link."
            : status.Kind != FileKind.File ? $"{shown} is not a regular file (a pipe or a device?). Remedy: remove it, or put a file in its place."
            : !RealPath.Contains(home, real)
                ? $"{shown} is a link to {Printable.Escape(real)}, outside the model's folder: what lies there would be copied into the output. Remedy: put the file itself there, or remove the link."
            : null;
    }

    /// <summary>What a file goes by in messages.</summary>
    public static string PathOf(ICheckpoint checkpoint, string name) => OwnerOf(checkpoint) is { Folder: { } folder } and not IComputedCheckpoint ? Path.Combine(folder, name) : $"{name} of {checkpoint.Name}";

    private static bool Matches(string name, string[] patterns) => Array.Exists(patterns, p => FileSystemName.MatchesSimpleExpression(p, name, ignoreCase: false));
}
