using System.Text.Json;

namespace LayerSwap.Checkpoints;

/// <summary>The tokens of a tokenizer with their numbers, from tokenizer.json or vocab.json.</summary>
internal static class TokenizerVocabulary
{
    private const long Longest = 200_000_000;

    public static Dictionary<string, long>? TryRead(ICheckpoint checkpoint)
    {
        foreach ((string file, Func<JsonElement, Dictionary<string, long>> read) in new (string, Func<JsonElement, Dictionary<string, long>>)[] { ("tokenizer.json", OfTokenizer), ("vocab.json", OfObject) })
        {
            if (Companions.TryRead(checkpoint, file, Longest) is not { } bytes)
            {
                continue;
            }

            string path = Companions.PathOf(checkpoint, file);
            try
            {
                using JsonDocument document = JsonDocument.Parse(bytes);
                Dictionary<string, long> tokens = read(document.RootElement);
                // No table has more rows; readers hold ids in 32 bits.
                foreach ((string token, long id) in tokens.Where(t => t.Value is < 0 or > int.MaxValue))
                {
                    throw new CheckpointException(path, null, $"{Printable.Escape(path)} gives token {Printable.Escape(token)} the id {id}; 0 to {int.MaxValue} is expected. Remedy: fetch the tokenizer again.");
                }

                return tokens;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
            {
                throw new CheckpointException(path, null, $"{Printable.Escape(path)} is not a tokenizer's JSON: {Printable.Escape(e.Message)} Remedy: fetch the tokenizer again.", e);
            }
        }

        return null;
    }

    private static Dictionary<string, long> OfTokenizer(JsonElement root)
    {
        Dictionary<string, long> tokens = new(StringComparer.Ordinal);
        if (Member(root, "model") is { } model && Member(model, "vocab") is { } vocabulary)
        {
            // Unigram: a list of [token, score]; the number is the place in the list.
            tokens = vocabulary.ValueKind != JsonValueKind.Array ? OfObject(vocabulary)
                : vocabulary.EnumerateArray().Select((pair, id) => (Token: Text(pair.EnumerateArray().FirstOrDefault()), Id: (long)id))
                    .DistinctBy(t => t.Token, StringComparer.Ordinal).ToDictionary(t => t.Token, t => t.Id, StringComparer.Ordinal);
        }

        if (Member(root, "added_tokens") is { ValueKind: JsonValueKind.Array } added)
        {
            foreach (JsonElement token in added.EnumerateArray())
            {
                if (Member(token, "content") is { } content && Member(token, "id") is { } id)
                {
                    tokens[Text(content)] = id.GetInt64();
                }
            }
        }

        return tokens;
    }

    private static Dictionary<string, long> OfObject(JsonElement vocabulary)
    {
        Dictionary<string, long> tokens = new(StringComparer.Ordinal);
        if (vocabulary.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty token in vocabulary.EnumerateObject().Where(t => t.Value.ValueKind == JsonValueKind.Number))
            {
                tokens[token.Name] = token.Value.GetInt64();
            }
        }

        return tokens;
    }

    private static string Text(JsonElement element) => element.ValueKind == JsonValueKind.String ? element.GetString()! : throw new FormatException("a token's text is missing.");

    private static JsonElement? Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) ? value : null;
}
