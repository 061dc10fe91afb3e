using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LayerSwap.Checkpoints;

/// <summary>
/// The tokens of a tokenizer with the ids that programs load: from tokenizer.json, else from vocab.json or vocab.txt, with
/// added_tokens.json and the added tokens of tokenizer_config.json.
/// </summary>
/// <param name="Ids">The id of each token.</param>
/// <param name="IsComplete">Whether all tokens are known. With tokenizer.model alone, only added tokens are.</param>
/// <param name="File">The main file that they are read from.</param>
internal sealed record TokenizerVocabulary(Dictionary<string, long> Ids, bool IsComplete, string File)
{
    /// <summary>The first added token whose id in tokenizer.json differs from the id that programs load; null for none.</summary>
    public (string Token, long Stated)? Disagreement { get; private init; }

    public const string TokenizerFile = "tokenizer.json", VocabularyFile = "vocab.json", LinesFile = "vocab.txt";

    public const string PiecesFile = "tokenizer.model", AddedFile = "added_tokens.json", ConfigFile = "tokenizer_config.json";

    private const long MaxFileBytes = 200_000_000;

    /// <summary>Reads the vocabulary of a model.</summary>
    /// <returns>Null if the model has no vocabulary file.</returns>
    /// <exception cref="CheckpointException">A tokenizer file cannot be read.</exception>
    public static TokenizerVocabulary? TryRead(ICheckpoint checkpoint)
    {
        (string, long)? disagreement = null;
        Dictionary<string, long>? ids = TryRead(checkpoint, TokenizerFile,
            b => ParseJson(b, root => ComputeLoadedIds(root, out disagreement)));
        if (ids is not null)
        {
            string path = AuxiliaryFiles.GetDisplayPath(checkpoint, TokenizerFile);
            if (disagreement is var (text, stated))
            {
                CheckRange(new(StringComparer.Ordinal) { [text] = stated }, path);
            }

            // Added tokens of tokenizer_config.json that tokenizer.json lacks get the next ids.
            foreach ((string token, _) in ReadConfiguredTokens(checkpoint).OrderBy(t => t.Id))
            {
                AddAsLoaded(ids, token, ids.Count);
            }

            CheckRange(ids, path);
            return new(ids, IsComplete: true, TokenizerFile) { Disagreement = disagreement };
        }

        ids = TryRead(checkpoint, VocabularyFile, b => ParseJson(b, ReadObject));
        string file = ids is null ? LinesFile : VocabularyFile;
        ids ??= TryRead(checkpoint, LinesFile, ParseLines);
        bool isWhole = ids is not null;
        if (!isWhole && !AuxiliaryFiles.Has(checkpoint, PiecesFile))
        {
            return null;
        }

        ids ??= new(StringComparer.Ordinal);
        Dictionary<string, long> added = TryRead(checkpoint, AddedFile, b => ParseJson(b, ReadObject)) ?? [];
        foreach ((string token, long id) in added.Select(t => (t.Key, t.Value)).Concat(ReadConfiguredTokens(checkpoint)))
        {
            ids[token] = id;
        }

        CheckRange(ids, AuxiliaryFiles.GetDisplayPath(checkpoint, isWhole ? file : AddedFile));
        return new(ids, isWhole, isWhole ? file : PiecesFile);
    }

    /// <summary>
    /// Computes the ids that the tokenizers library assigns when it loads a tokenizer.json. It ignores the stated ids of added tokens that
    /// the vocabulary lacks, and numbers them after the vocabulary's size or the highest added token (AddedVocabulary::add_tokens).
    /// </summary>
    public static Dictionary<string, long> ComputeLoadedIds(JsonElement root, out (string Token, long Stated)? disagreement)
    {
        disagreement = null;
        Dictionary<string, long> tokens = new(StringComparer.Ordinal);
        if (Member(root, "model") is { } model && Member(model, "vocab") is { } vocabulary)
        {
            // Unigram vocabularies are a list of [token, score]; the id is the index.
            tokens = vocabulary.ValueKind != JsonValueKind.Array
                ? ReadObject(vocabulary)
                : vocabulary.EnumerateArray()
                    .Select((pair, id) => (Token: Text(pair.EnumerateArray().FirstOrDefault()), Id: (long)id))
                    .DistinctBy(t => t.Token, StringComparer.Ordinal)
                    .ToDictionary(t => t.Token, t => t.Id, StringComparer.Ordinal);
        }

        int size = tokens.Count;
        long highest = -1;
        if (Member(root, "added_tokens") is { ValueKind: JsonValueKind.Array } added)
        {
            foreach (JsonElement token in added.EnumerateArray())
            {
                if (Member(token, "content") is { } content && Member(token, "id") is { } id && Text(content) is { Length: > 0 } text)
                {
                    long stated = id.GetInt64();
                    if (!tokens.TryGetValue(text, out long loaded))
                    {
                        loaded = highest >= size || size == 0 ? highest + 1 : size;
                        tokens.Add(text, loaded);
                    }

                    highest = Math.Max(highest, loaded);
                    disagreement ??= loaded == stated ? null : (text, stated);
                }
            }
        }

        return tokens;
    }

    /// <summary>Adds a token with the next id, if it is not known.</summary>
    private static void AddAsLoaded(Dictionary<string, long> ids, string token, int size)
    {
        if (!ids.ContainsKey(token))
        {
            ids[token] = Math.Max(size, ids.Values.DefaultIfEmpty(-1).Max() + 1);
        }
    }

    private static IEnumerable<(string Token, long Id)> ReadConfiguredTokens(ICheckpoint checkpoint)
    {
        Dictionary<string, long>? tokens = TryRead(checkpoint, ConfigFile, b => ParseJson(b, ReadAddedTokensDecoder));
        return (tokens ?? []).Select(t => (t.Key, t.Value));
    }

    /// <summary>Reads the added tokens of a tokenizer_config.json, which are keyed by id.</summary>
    private static Dictionary<string, long> ReadAddedTokensDecoder(JsonElement root)
    {
        Dictionary<string, long> tokens = new(StringComparer.Ordinal);
        if (Member(root, "added_tokens_decoder") is { ValueKind: JsonValueKind.Object } decoder)
        {
            foreach (JsonProperty token in decoder.EnumerateObject())
            {
                if (long.TryParse(token.Name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long id)
                    && Member(token.Value, "content") is { ValueKind: JsonValueKind.String } content)
                {
                    tokens[content.GetString()!] = id;
                }
            }
        }

        return tokens;
    }

    private static Dictionary<string, long>? TryRead(ICheckpoint checkpoint, string file, Func<byte[], Dictionary<string, long>> parse)
    {
        if (AuxiliaryFiles.TryRead(checkpoint, file, MaxFileBytes) is not { } bytes)
        {
            return null;
        }

        try
        {
            return parse(bytes);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or DecoderFallbackException)
        {
            string path = AuxiliaryFiles.GetDisplayPath(checkpoint, file);
            string message = $"{Printable.Escape(path)} is not a tokenizer's JSON: {Printable.Escape(e.Message)}";
            throw new CheckpointException(path, null, $"{message} Remedy: fetch the tokenizer again.", e);
        }
    }

    /// <summary>Throws if an id is not in the range of a 32-bit integer, in which programs store ids.</summary>
    private static void CheckRange(Dictionary<string, long> ids, string path)
    {
        if (ids.FirstOrDefault(t => t.Value is < 0 or > int.MaxValue) is { Key: { } token, Value: var id })
        {
            throw new CheckpointException(path, null,
                $"{Printable.Escape(path)} gives token {Printable.Escape(token)} the id {id}; 0 to {int.MaxValue} is expected. "
                + "Remedy: fetch the tokenizer again.");
        }
    }

    private static Dictionary<string, long> ParseJson(byte[] bytes, Func<JsonElement, Dictionary<string, long>> read)
    {
        using JsonDocument document = JsonDocument.Parse(bytes);
        return read(document.RootElement);
    }

    /// <summary>Parses a vocabulary with a token in each line. The id is the zero-based line number.</summary>
    private static Dictionary<string, long> ParseLines(byte[] bytes)
    {
        string[] lines = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes).TrimEnd('\n').Split('\n');
        Dictionary<string, long> tokens = new(StringComparer.Ordinal);
        for (int i = 0; i < lines.Length; i++)
        {
            tokens[lines[i].TrimEnd('\r')] = i;
        }

        return tokens;
    }

    private static Dictionary<string, long> ReadObject(JsonElement vocabulary)
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

    private static string Text(JsonElement element) =>
        element.ValueKind == JsonValueKind.String ? element.GetString()! : throw new FormatException("a token's text is missing.");

    private static JsonElement? Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) ? value : null;
}
