using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LayerSwap.Checkpoints;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.IO;

namespace LayerSwap.Execution;

/// <summary>
/// The contents of an existing folder: files of a model, and foreign entries. Only a model folder without foreign entries may be replaced,
/// and only the files listed here are deleted.
/// </summary>
internal sealed partial class ModelFolder
{
    private const long MaxConfigLength = 16_000_000;

    /// <summary>Names of model files that no manifest lists. No patterns, since they might match a user's own files.</summary>
    private static readonly HashSet<string> KnownNames =
    [
        ManifestWriter.FileName, ModelCard.FileName, ModelConfig.FileName, ShardIndex.FileName, ".gitattributes", "generation_config.json",
        "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "vocab.txt", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "source.spm", "target.spm", "tekken.json",
        "chat_template.jinja", "chat_template.json",
        "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json",
        "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "NOTICE.txt", "NOTICE.md", "USE_POLICY.md",
    ];

    private readonly List<string> _files = [], _folders = [], _foreign = [];

    private ModelFolder(string folder) => Folder = folder;

    public string Folder { get; }

    /// <summary>The paths of the model's files.</summary>
    public IReadOnlyList<string> Files => _files;

    /// <summary>The paths of subfolders that the manifest lists files in, innermost first.</summary>
    public IReadOnlyList<string> Folders => _folders;

    /// <summary>The paths of all other entries.</summary>
    public IReadOnlyList<string> Foreign => _foreign;

    /// <summary>Whether the folder has weights, a model's config.json, or a manifest.</summary>
    public bool IsModel { get; private init; }

    /// <summary>Reads a folder. Only its manifest, index and config.json are opened, and only if they are regular files.</summary>
    public static ModelFolder Read(string folder)
    {
        HashSet<string> recorded = [.. Recorded(folder)];
        string config = TextOf(folder, ModelConfig.FileName);
        bool isConfig = IsConfig(config);
        string[] entries = [.. Directory.EnumerateFileSystemEntries(folder).Select(e => Path.GetFileName(e)!)];
        ModelFolder found = new(folder) { IsModel = isConfig || recorded.Count > 0 || entries.Any(n => WeightName().IsMatch(n)) };
        foreach (string name in entries.Order(StringComparer.Ordinal))
        {
            found.Add(name, IsKnown, recorded);
        }

        return found;

        bool IsKnown(string name) =>
            recorded.Contains(name) || WeightName().IsMatch(name) || KnownNames.Contains(name) || IsModelCode(name);

        // Code belongs to a model only if its configuration refers to it.
        bool IsModelCode(string name) =>
            name.EndsWith(".py", StringComparison.Ordinal)
            && config.Contains($"\"{name[..^".py".Length]}.", StringComparison.Ordinal);
    }

    /// <summary>Requires that a folder may be replaced.</summary>
    /// <exception cref="OutputException">The folder is not a model, or has foreign entries.</exception>
    public static ModelFolder RequireReplaceable(string target, string shown)
    {
        if (RealPath.WithAncestors(Environment.CurrentDirectory).Contains(target, StringComparer.Ordinal))
        {
            throw new OutputException(target, $"{shown} is the folder that this command runs in, or is above it, and is not empty. "
                + "Remedy: choose another path.");
        }

        ModelFolder found = Read(target);
        if (found.IsModel && found.Foreign.Count == 0)
        {
            return found;
        }

        if (found.IsModel)
        {
            throw new OutputException(target, $"{shown} is not replaced: it is a model, but also has "
                + $"{OutputErrors.FormatPaths(target, found.Foreign)}, which would be lost. "
                + "Remedy: move that away, or choose another path.");
        }

        throw new OutputException(target, $"{shown} is not replaced: it is not a model (it has no weights, no model configuration and no "
            + $"manifest of LayerSwap), but has {OutputErrors.FormatPaths(target, [.. found.Foreign, .. found.Files])}. "
            + "Remedy: choose another path.");
    }

    /// <summary>Deletes the model's files, and the folders that become empty.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="folder">The current path of the folder.</param>
    public void Remove(IFileOperations files, string folder)
    {
        foreach (string file in Files.Select(CurrentPath))
        {
            files.DeleteFile(file);
        }

        // Files created since then are kept, and so are their folders.
        foreach (string inner in Folders.Select(CurrentPath).Append(folder))
        {
            files.DeleteIfEmpty(inner);
        }

        string CurrentPath(string path) => Path.Combine(folder, Path.GetRelativePath(Folder, path));
    }

    private void Add(string name, Func<string, bool> isKnown, HashSet<string> recorded)
    {
        string path = Path.Combine(Folder, name);
        switch (FileStatus.ReadEntry(path)?.Kind)
        {
            case null:
                break;
            // Deleting a link does not delete its target.
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

    /// <summary>Reads the names of the files that the manifest and the index list, relative to the folder.</summary>
    private static List<string> Recorded(string folder)
    {
        List<string> names = [];
        try
        {
            if (IsFile(folder, ManifestWriter.FileName) && Manifest.TryRead(folder) is { } manifest)
            {
                names.AddRange(manifest.Files.Select(f => f.Name));
            }

            if (IsFile(folder, ShardIndex.FileName))
            {
                ShardIndex index = ShardIndex.Read(Path.Combine(folder, ShardIndex.FileName));
                names.AddRange(index.WeightMap.Values.Where(n => n.EndsWith(SafeTensorsFormat.Extension, StringComparison.Ordinal)));
            }
        }
        catch (CheckpointException)
        {
            // An unreadable manifest or index lists no files; usual file names of models are known without it.
        }

        return names;
    }

    /// <summary>Checks whether a text is a model's configuration: a JSON object with a model_type.</summary>
    private static bool IsConfig(string text)
    {
        try
        {
            return text.Length > 0
                && PythonJson.Parse(Encoding.UTF8.GetBytes(text)) is JsonObject root
                && root["model_type"] is JsonValue type
                && type.TryGetValue(out string? _);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }

    private static string TextOf(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        return IsFile(folder, name) && new FileInfo(path).Length is > 0 and <= MaxConfigLength
            ? Encoding.UTF8.GetString(InputFile.ReadAll(path, MaxConfigLength))
            : "";
    }

    private static bool IsFile(string folder, string name) => FileStatus.Read(Path.Combine(folder, name))?.Kind == FileKind.File;

    [GeneratedRegex(
        @"^(model|pytorch_model|adapter_model|consolidated)(-\d{5}-of-\d{5}|\.\d\d)?\.(safetensors|bin|pth)(\.index\.json)?$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex WeightName();
}
