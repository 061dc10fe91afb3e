using System.IO.Enumeration;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;
using LayerSwap.Planning;

namespace LayerSwap.Execution;

/// <summary>What lies beside the weights: configuration, generation settings, tokenizer, chat template, model code, licence.</summary>
internal static class CompanionFiles
{
    private static readonly string[] Patterns =
    [
        "config.json", "generation_config.json", "*configuration*.json", "*preprocessor_config.json", "processor_config.json", "*.py", "LICENSE*", "NOTICE*", "USE_POLICY*",
    ];

    private static readonly string[] TokenizerPatterns =
    [
        "tokenizer*", "vocab*.json", "vocab*.txt", "merges.txt", "special_tokens_map.json", "added_tokens.json", "chat_template*", "*.model", "*.tiktoken",
    ];

    /// <summary>Their names and contents; config.json with what changed.</summary>
    public static IEnumerable<(string Name, byte[] Bytes)> Of(PlanRequest request, IReadOnlyDictionary<string, JsonNode> changes)
    {
        SortedDictionary<string, byte[]> files = new(StringComparer.Ordinal);
        foreach ((string name, string path) in FilesOf(request.Donor, Patterns))
        {
            bool changed = name == ModelConfig.FileName && (changes.Count > 0 || request.Donor is IDerivedCheckpoint { ChangedConfig.Count: > 0 });
            files[name] = changed ? Changed(request.Donor, changes) : Contents(path);
        }

        foreach ((string name, string path) in FilesOf(request.Tokenizer ?? request.Donor, TokenizerPatterns))
        {
            files[name] = Contents(path);
        }

        foreach ((string name, byte[] bytes) in request.Beside)
        {
            files[name] = bytes;
        }

        return files.Select(f => (f.Key, f.Value));
    }

    private static IEnumerable<(string Name, string Path)> FilesOf(ICheckpoint donor, string[] patterns) =>
        donor.Folder is null || !Directory.Exists(donor.Folder) ? []
        : Directory.EnumerateFiles(donor.Folder).Where(File.Exists).Select(p => (Name: Path.GetFileName(p), p)).Where(f => patterns.Any(p => FileSystemName.MatchesSimpleExpression(p, f.Name, ignoreCase: false)));

    /// <summary>All of a file; an empty one, which a pipe would look like too, is written empty.</summary>
    private static byte[] Contents(string path) =>
        (new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? new FileInfo(path)).Length == 0 ? [] : InputFile.ReadAll(path, Array.MaxLength);

    private static byte[] Changed(ICheckpoint donor, IReadOnlyDictionary<string, JsonNode> changes)
    {
        ModelConfig config = ModelConfig.TryRead(donor)!;
        config.Apply(changes);
        return PythonJson.Write(config.Root);
    }
}
