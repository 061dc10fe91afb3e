using System.IO.Enumeration;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;
using LayerSwap.Planning;

namespace LayerSwap.Execution;

/// <summary>A file beside the weights, and how its contents are made.</summary>
internal sealed record CompanionFile(string Name, Func<byte[]> Make);

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

    /// <summary>In the order of their names; config.json with what changed.</summary>
    public static IEnumerable<CompanionFile> Of(PlanRequest request, IReadOnlyDictionary<string, JsonNode> changes)
    {
        Dictionary<string, Func<byte[]>> files = new(StringComparer.Ordinal);
        foreach (string name in NamesOf(request.Donor, Patterns))
        {
            files[name] = () => name == ModelConfig.FileName && changes.Count > 0 ? Changed(request.Donor, changes) : Companions.Copy(request.Donor, name);
        }

        ICheckpoint tokenizer = request.Tokenizer ?? request.Donor;
        foreach (string name in NamesOf(tokenizer, TokenizerPatterns))
        {
            files[name] = () => Companions.Copy(tokenizer, name);
        }

        foreach ((string name, byte[] bytes) in request.Beside)
        {
            files[name] = () => bytes;
        }

        return files.Keys.Order(StringComparer.Ordinal).Select(name => new CompanionFile(name, files[name]));
    }

    private static IEnumerable<string> NamesOf(ICheckpoint donor, string[] patterns) =>
        Companions.NamesOf(donor).Where(f => patterns.Any(p => FileSystemName.MatchesSimpleExpression(p, f, ignoreCase: false)));

    private static byte[] Changed(ICheckpoint donor, IReadOnlyDictionary<string, JsonNode> changes)
    {
        ModelConfig config = ModelConfig.TryRead(donor)!;
        config.Apply(changes);
        return PythonJson.Write(config.Root);
    }
}
