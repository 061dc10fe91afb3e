using System.Text;
using System.Text.RegularExpressions;
using LayerSwap.Checkpoints;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>
/// What an existing folder holds, before it is replaced: the files of a model, and what is foreign. Only a folder that is a model and holds nothing foreign may be replaced, and only the
/// files listed here are removed with it.
/// </summary>
internal sealed partial class ModelFolder
{
    private const long LongestConfig = 16_000_000;

    /// <summary>The files of a model that no record lists: whole names, since of a pattern nobody knows what else it fits.</summary>
    private static readonly HashSet<string> KnownNames =
    [
        ManifestWriter.FileName, ModelCard.FileName, ModelConfig.FileName, ShardIndex.FileName, ".gitattributes", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "source.spm", "target.spm", "tekken.json", "chat_template.jinja", "chat_template.json",
        "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "NOTICE.txt", "NOTICE.md", "USE_POLICY.md",
    ];

    private readonly List<string> _files = [], _folders = [], _foreign = [];

    private ModelFolder(string folder) => Folder = folder;

    public string Folder { get; }

    /// <summary>The paths of the model's files.</summary>
    public IReadOnlyList<string> Files => _files;

    /// <summary>The paths of folders within that hold nothing but files of the model, innermost first.</summary>
    public IReadOnlyList<string> Folders => _folders;

    /// <summary>The paths of everything else.</summary>
    public IReadOnlyList<string> Foreign => _foreign;

    /// <summary>Whether there are weights, a model's config.json, or a record of LayerSwap's.</summary>
    public bool IsModel { get; private init; }

    /// <summary>Looks at a folder. Nothing in it is followed or opened but its record, its index and its config.json, and those only if they are regular files.</summary>
    public static ModelFolder Read(string folder)
    {
        HashSet<string> recorded = [.. Recorded(folder)];
        string config = TextOf(folder, ModelConfig.FileName);
        bool isConfig = IsConfig(config);
        string[] entries = [.. Directory.EnumerateFileSystemEntries(folder).Select(e => Path.GetFileName(e)!)];
        bool IsKnown(string name) => recorded.Contains(name) || WeightName().IsMatch(name) || KnownNames.Contains(name)
            // Code belongs to a model only if its configuration asks for it.
            || (name.EndsWith(".py", StringComparison.Ordinal) && config.Contains($"\"{name[..^".py".Length]}.", StringComparison.Ordinal));

        ModelFolder found = new(folder) { IsModel = isConfig || recorded.Count > 0 || entries.Any(n => WeightName().IsMatch(n)) };
        foreach (string name in entries.Order(StringComparer.Ordinal))
        {
            found.Add(name, IsKnown, recorded);
        }

        return found;
    }

    /// <summary>Requires that a folder may be replaced.</summary>
    /// <exception cref="OutputException">It is not a model, or holds something else too.</exception>
    public static ModelFolder RequireReplaceable(string target, string shown)
    {
        if (RealPath.WithAncestors(Environment.CurrentDirectory).Contains(target, StringComparer.Ordinal))
        {
            throw new OutputException(target, $"{shown} is the folder that this command runs in, or is above it, and is not empty. Remedy: choose another path.");
        }

        ModelFolder found = Read(target);
        if (found.IsModel && found.Foreign.Count == 0)
        {
            return found;
        }

        IReadOnlyList<string> others = found.IsModel ? found.Foreign : [.. found.Foreign, .. found.Files];
        string names = OutputErrors.Names(target, others);
        throw new OutputException(target, found.IsModel
            ? $"{shown} is not replaced: besides a model it holds {names}, which would be lost. Remedy: move that away, or choose another path."
            : $"{shown} is not replaced: it is not a model (it has no weights, no configuration of one and no record of LayerSwap's), but holds {names}. Remedy: choose another path.");
    }

    /// <summary>Removes the model's files, and the folders that are empty then.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="folder">Where the folder lies now.</param>
    public void Remove(IFileOperations files, string folder)
    {
        foreach (string file in Files.Select(f => Path.Combine(folder, Path.GetRelativePath(Folder, f))))
        {
            files.DeleteFile(file);
        }

        foreach (string inner in Folders.Select(f => Path.Combine(folder, Path.GetRelativePath(Folder, f))).Append(folder))
        {
            // What came meanwhile stays, and its folder with it.
            files.DeleteIfEmpty(inner);
        }
    }

    private void Add(string name, Func<string, bool> isKnown, HashSet<string> recorded)
    {
        string path = Path.Combine(Folder, name);
        switch (FileStatus.OfEntry(path)?.Kind)
        {
            case null:
                break;
            // A link has a name of its own to lose; what it leads to stays.
            case FileKind.File or FileKind.Link when isKnown(name):
                _files.Add(path);
                break;
            case FileKind.Folder when recorded.Any(r => r.StartsWith(name + "/", StringComparison.Ordinal)):
                foreach (string inner in Directory.EnumerateFileSystemEntries(path).Order(StringComparer.Ordinal))
                {
                    Add(Path.Combine(name, Path.GetFileName(inner)), n => recorded.Contains(n), recorded);
                }

                _folders.Add(path);
                break;
            default:
                _foreign.Add(path);
                break;
        }
    }

    /// <summary>The files that the record and the index name, relative to the folder.</summary>
    private static List<string> Recorded(string folder)
    {
        List<string> names = [];
        try
        {
            if (IsFile(folder, ManifestWriter.FileName) && Manifest.TryRead(folder) is { } record)
            {
                names.AddRange(record.Files.Select(f => f.Name));
            }

            if (IsFile(folder, ShardIndex.FileName))
            {
                names.AddRange(ShardIndex.Read(Path.Combine(folder, ShardIndex.FileName)).Map.Values.Where(n => n.EndsWith(SafeTensorsFormat.Extension, StringComparison.Ordinal)));
            }
        }
        catch (CheckpointException)
        {
            // A record or index that cannot be read names no files; those with a model's usual names are known all the same.
        }

        return names;
    }

    /// <summary>Whether a text is a model's configuration: an object that names a model_type.</summary>
    private static bool IsConfig(string text)
    {
        try
        {
            return text.Length > 0 && PythonJson.Parse(Encoding.UTF8.GetBytes(text)) is System.Text.Json.Nodes.JsonObject root && root["model_type"] is System.Text.Json.Nodes.JsonValue type && type.TryGetValue(out string? _);
        }
        catch (Exception e) when (e is System.Text.Json.JsonException or ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }

    private static string TextOf(string folder, string name) => IsFile(folder, name) && new FileInfo(Path.Combine(folder, name)).Length is > 0 and <= LongestConfig
        ? Encoding.UTF8.GetString(InputFile.ReadAll(Path.Combine(folder, name), LongestConfig)) : "";

    private static bool IsFile(string folder, string name) => FileStatus.Of(Path.Combine(folder, name))?.Kind == FileKind.File;

    [GeneratedRegex(@"^(model|pytorch_model|adapter_model|consolidated)(-\d{5}-of-\d{5}|\.\d\d)?\.(safetensors|bin|pth)(\.index\.json)?$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex WeightName();
}
