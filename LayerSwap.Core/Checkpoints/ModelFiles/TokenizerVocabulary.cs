using System.Text;
using System.Text.Json;

namespace LayerSwap.Checkpoints;

/// <summary>
/// The tokens of a tokenizer with their ids, as programs load it: from tokenizer.json, else from vocab.json or vocab.txt, with added_tokens.json and the added tokens of tokenizer_config.json.
/// </summary>
/// <param name="Ids">The ids.</param>
/// <param name="IsWhole">Whether these are all tokens. Of a model with tokenizer.model alone only added tokens are known.</param>
/// <param name="File">The file that tells most of them.</param>
internal sealed record TokenizerVocabulary(Dictionary<string, long> Ids, bool IsWhole, string File)
{
    /// <summary>The first added token to which tokenizer.json gives another id than programs do that load it; null for none.</summary>
    public (string Token, long Stated)? Disagreement { get; private init; }

    public const string TokenizerFile = "tokenizer.json", VocabularyFile = "vocab.json", LinesFile = "vocab.txt", PiecesFile = "tokenizer.model", AddedFile = "added_tokens.json", ConfigFile = "tokenizer_config.json";

    private const long Longest = 200_000_000;

    /// <returns>Null if the model has no tokenizer that tells any token.</returns>
    /// <exception cref="CheckpointException">A file of it cannot be read.</exception>
    public static TokenizerVocabulary? TryRead(ICheckpoint checkpoint)
    {
        (string, long)? disagreement = null;
        Dictionary<string, long>? ids = Read(checkpoint, TokenizerFile, b => Json(b, root => AsLoaded(root, out disagreement)));
        if (ids is not null)
        {
            _ = Checked(disagreement is var (text, stated) ? new(StringComparer.Ordinal) { [text] = stated } : [], AuxiliaryFiles.PathOf(checkpoint, TokenizerFile));
            // Added tokens of the configuration that the file lacks are counted on.
            foreach ((string token, _) in Configured(checkpoint).OrderBy(t => t.Id))
            {
                AddAsLoaded(ids, token, ids.Count);
            }

            return new(Checked(ids, AuxiliaryFiles.PathOf(checkpoint, TokenizerFile)), IsWhole: true, TokenizerFile) { Disagreement = disagreement };
        }

        ids = Read(checkpoint, VocabularyFile, b => Json(b, OfObject));
        string file = ids is null ? LinesFile : VocabularyFile;
        ids ??= Read(checkpoint, LinesFile, Lines);
        bool whole = ids is not null, pieces = AuxiliaryFiles.Has(checkpoint, PiecesFile);
        if (!whole && !pieces)
        {
            return null;
        }

        ids ??= new(StringComparer.Ordinal);
        foreach ((string token, long id) in (Read(checkpoint, AddedFile, b => Json(b, OfObject)) ?? []).Select(t => (t.Key, t.Value)).Concat(Configured(checkpoint)))
        {
            ids[token] = id;
        }

        return new(Checked(ids, AuxiliaryFiles.PathOf(checkpoint, whole ? file : AddedFile)), whole, whole ? file : PiecesFile);
    }

    /// <summary>
    /// The ids that the tokenizers library gives when it loads a tokenizer.json: added tokens that the vocabulary lacks are numbered anew, in their order, after the vocabulary's size or the highest
    /// added token, whatever the file says (AddedVocabulary::add_tokens).
    /// </summary>
    public static Dictionary<string, long> AsLoaded(JsonElement root, out (string Token, long Stated)? disagreement)
    {
        disagreement = null;
        Dictionary<string, long> tokens = new(StringComparer.Ordinal);
        if (Member(root, "model") is { } model && Member(model, "vocab") is { } vocabulary)
        {
            // Unigram: a list of [token, score]; the number is the place in the list.
            tokens = vocabulary.ValueKind != JsonValueKind.Array ? OfObject(vocabulary)
                : vocabulary.EnumerateArray().Select((pair, id) => (Token: Text(pair.EnumerateArray().FirstOrDefault()), Id: (long)id))
                    .DistinctBy(t => t.Token, StringComparer.Ordinal).ToDictionary(t => t.Token, t => t.Id, StringComparer.Ordinal);
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
                    highest = Math.Max(highest, tokens.TryGetValue(text, out long known) ? known : tokens[text] = highest >= size || size == 0 ? highest + 1 : size);
                    disagreement ??= tokens[text] == stated ? null : (text, stated);
                }
            }
        }

        return tokens;
    }

    private static void AddAsLoaded(Dictionary<string, long> ids, string token, int size)
    {
        if (!ids.ContainsKey(token))
        {
            ids[token] = Math.Max(size, ids.Values.DefaultIfEmpty(-1).Max() + 1);
        }
    }

    /// <summary>The added tokens that tokenizer_config.json lists.</summary>
    private static IEnumerable<(string Token, long Id)> Configured(ICheckpoint checkpoint) => (Read(checkpoint, ConfigFile, b => Json(b, root =>
    {
        Dictionary<string, long> tokens = new(StringComparer.Ordinal);
        if (Member(root, "added_tokens_decoder") is { ValueKind: JsonValueKind.Object } decoder)
        {
            foreach (JsonProperty token in decoder.EnumerateObject())
            {
                if (long.TryParse(token.Name, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out long id) && Member(token.Value, "content") is { ValueKind: JsonValueKind.String } content)
                {
                    tokens[content.GetString()!] = id;
                }
            }
        }

        return tokens;
    })) ?? []).Select(t => (t.Key, t.Value));

    private static Dictionary<string, long>? Read(ICheckpoint checkpoint, string file, Func<byte[], Dictionary<string, long>> read)
    {
        if (AuxiliaryFiles.TryRead(checkpoint, file, Longest) is not { } bytes)
        {
            return null;
        }

        try
        {
            return read(bytes);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or DecoderFallbackException)
        {
            string path = AuxiliaryFiles.PathOf(checkpoint, file);
            throw new CheckpointException(path, null, $"{Printable.Escape(path)} is not a tokenizer's JSON: {Printable.Escape(e.Message)} Remedy: fetch the tokenizer again.", e);
        }
    }

    /// <summary>No table has more rows; readers hold ids in 32 bits.</summary>
    private static Dictionary<string, long> Checked(Dictionary<string, long> ids, string path) => ids.FirstOrDefault(t => t.Value is < 0 or > int.MaxValue) is { Key: { } token, Value: var id }
        ? throw new CheckpointException(path, null, $"{Printable.Escape(path)} gives token {Printable.Escape(token)} the id {id}; 0 to {int.MaxValue} is expected. Remedy: fetch the tokenizer again.")
        : ids;

    private static Dictionary<string, long> Json(byte[] bytes, Func<JsonElement, Dictionary<string, long>> read)
    {
        using JsonDocument document = JsonDocument.Parse(bytes);
        return read(document.RootElement);
    }

    /// <summary>A token a line; the id is the line's number, from 0.</summary>
    private static Dictionary<string, long> Lines(byte[] bytes)
    {
        string[] lines = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes).TrimEnd('\n').Split('\n');
        Dictionary<string, long> tokens = new(StringComparer.Ordinal);
        for (int i = 0; i < lines.Length; i++)
        {
            tokens[lines[i].TrimEnd('\r')] = i;
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
