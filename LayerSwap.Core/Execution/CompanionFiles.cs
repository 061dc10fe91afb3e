using System.IO.Enumeration;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;

namespace LayerSwap.Execution;

/// <summary>What lies beside the weights: configuration, generation settings, tokenizer, chat template, model code, licence.</summary>
internal static class CompanionFiles
{
    private static readonly string[] Patterns =
    [
        "config.json", "generation_config.json", "*configuration*.json", "tokenizer*", "vocab*.json", "vocab*.txt", "merges.txt", "special_tokens_map.json",
        "added_tokens.json", "chat_template*", "*.model", "*.tiktoken", "*preprocessor_config.json", "processor_config.json", "*.py", "LICENSE*", "NOTICE*", "USE_POLICY*",
    ];

    /// <summary>Their names and contents; config.json with what changed.</summary>
    public static IEnumerable<(string Name, byte[] Bytes)> Of(ICheckpoint donor, IReadOnlyDictionary<string, JsonNode> changes)
    {
        if (donor.Folder is null || !Directory.Exists(donor.Folder))
        {
            yield break;
        }

        foreach (string path in Directory.EnumerateFiles(donor.Folder).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(path);
            if (!Patterns.Any(p => FileSystemName.MatchesSimpleExpression(p, name, ignoreCase: false)) || !File.Exists(path))
            {
                continue;
            }

            yield return (name, name == ModelConfig.FileName && (changes.Count > 0 || donor is IDerivedCheckpoint { ChangedConfig.Count: > 0 }) ? Changed(donor, changes) : Contents(path));
        }
    }

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
