using System.IO.Enumeration;
using System.Text.Encodings.Web;
using System.Text.Json;
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

    /// <summary>Copies them; config.json with what changed. Gives the names of the files written.</summary>
    public static IReadOnlyList<string> Write(ICheckpoint donor, IReadOnlyDictionary<string, JsonNode> changes, string folder)
    {
        List<string> written = [];
        if (donor.Folder is null || !Directory.Exists(donor.Folder))
        {
            return written;
        }

        foreach (string path in Directory.EnumerateFiles(donor.Folder).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(path);
            if (!Patterns.Any(p => FileSystemName.MatchesSimpleExpression(p, name, ignoreCase: false)) || !File.Exists(path))
            {
                continue;
            }

            byte[] bytes = name == ModelConfig.FileName && changes.Count > 0 ? Changed(donor, changes) : File.ReadAllBytes(path);
            NewFile.Write(Path.Combine(folder, name), bytes);
            written.Add(name);
        }

        return written;
    }

    private static byte[] Changed(ICheckpoint donor, IReadOnlyDictionary<string, JsonNode> changes)
    {
        ModelConfig config = ModelConfig.TryRead(donor)!;
        config.Apply(changes);
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            config.Root.WriteTo(json);
        }

        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }
}
