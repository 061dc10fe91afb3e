using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;

namespace LayerSwap.Recipes;

/// <summary>A token to add to the tokenizer that the output's is copied from.</summary>
/// <param name="Token">The text.</param>
/// <param name="Id">The id, which is also the row of the token tables.</param>
/// <param name="Source">The model that has the token; null if none has it.</param>
internal sealed record NewToken(string Token, long Id, ICheckpoint? Source);

/// <summary>
/// Writes a tokenizer's files with more tokens, so that programs load the ids that the rows have. The tokenizers library numbers added
/// tokens by the vocabulary's size, whatever the file says; so every token becomes an entry of the vocabulary, whose ids it keeps.
/// No merge rules are made: tokens of other models are entries only.
/// </summary>
internal sealed class TokenizerFiles
{
    private const long MaxBytes = 200_000_000;

    private const string SourceRemedy = "Remedy: choose one model's tokenizer as source.";

    private readonly Dictionary<ICheckpoint, GiverTokens> _givers = [];

    private TokenizerFiles()
    {
    }

    /// <summary>Writes the files that change.</summary>
    /// <param name="source">The model that the tokenizer is copied from.</param>
    /// <param name="known">Its tokens, with the ids that programs load.</param>
    /// <param name="added">The new tokens, by ascending id.</param>
    /// <param name="files">Receives the files; null for one that must not be copied.</param>
    /// <returns>Why the tokens cannot be added; null if they were.</returns>
    public static string? Write(
        ICheckpoint source, TokenizerVocabulary known, IReadOnlyList<NewToken> added, Dictionary<string, byte[]?> files) =>
        new TokenizerFiles().WriteAll(source, known, added, files);

    private string? WriteAll(
        ICheckpoint source, TokenizerVocabulary known, IReadOnlyList<NewToken> added, Dictionary<string, byte[]?> files)
    {
        HashSet<string> special = [.. added.Where(IsAdded).Select(t => t.Token)];
        if (known.File == TokenizerVocabulary.TokenizerFile && WriteTokenizer(source, known, added, special, files) is { } problem)
        {
            return problem;
        }

        // Slow tokenizers load the ids in their files.
        NewToken[] words = [.. added.Where(t => !special.Contains(t.Token))];
        if (ReadObject(source, TokenizerVocabulary.VocabularyFile) is { } vocabulary)
        {
            Extend(vocabulary, words, files, TokenizerVocabulary.VocabularyFile);
        }

        if (words.Length > 0 && known.File == TokenizerVocabulary.TokenizerFile)
        {
            // Other formats of the same vocabulary: only vocab.txt can be extended.
            foreach (string name in AuxiliaryFiles.ListCopied(source).Where(IsOtherVocabulary))
            {
                files[name] = name == TokenizerVocabulary.LinesFile
                    ? AppendLines(AuxiliaryFiles.TryRead(source, name, MaxBytes)!, words)
                    : null;
            }
        }

        if (known.File == TokenizerVocabulary.LinesFile)
        {
            return $"its tokenizer is {TokenizerVocabulary.LinesFile}, whose lines are ids: no token can be added to it. "
                + $"Remedy: save it as {TokenizerVocabulary.TokenizerFile} (load it in transformers, and save it), "
                + "or choose one model's tokenizer as source.";
        }

        JsonObject? addedTokens = ReadObject(source, TokenizerVocabulary.AddedFile);
        if (special.Count > 0 && (addedTokens is not null || known.File != TokenizerVocabulary.TokenizerFile))
        {
            Extend(addedTokens ?? [], added.Where(t => special.Contains(t.Token)), files, TokenizerVocabulary.AddedFile);
        }

        if (special.Count > 0
            && ReadObject(source, TokenizerVocabulary.ConfigFile) is { } config
            && config["added_tokens_decoder"] is JsonObject decoder)
        {
            foreach (NewToken token in added.Where(t => special.Contains(t.Token)))
            {
                JsonObject entry = EntryOf(token);
                entry.Remove("id");
                decoder[token.Id.ToString(CultureInfo.InvariantCulture)] = entry;
            }

            files[TokenizerVocabulary.ConfigFile] = PythonJson.Write(config);
        }

        return null;
    }

    private static bool IsOtherVocabulary(string name) => name is TokenizerVocabulary.LinesFile or "tekken.json"
        || name.EndsWith(".model", StringComparison.Ordinal)
        || name.EndsWith(".spm", StringComparison.Ordinal)
        || name.EndsWith(".tiktoken", StringComparison.Ordinal);

    /// <returns>Null if the ids of the words do not continue the line numbers.</returns>
    private static byte[]? AppendLines(byte[] file, NewToken[] words)
    {
        string text = Encoding.UTF8.GetString(file).TrimEnd('\n') + "\n";
        int lines = text.Count(c => c == '\n');
        return words.Where((w, i) => w.Id != lines + i).Any()
            ? null
            : Encoding.UTF8.GetBytes(text + string.Concat(words.Select(w => w.Token + "\n")));
    }

    private string? WriteTokenizer(
        ICheckpoint source,
        TokenizerVocabulary known,
        IReadOnlyList<NewToken> added,
        HashSet<string> special,
        Dictionary<string, byte[]?> files)
    {
        JsonObject root = ReadObject(source, TokenizerVocabulary.TokenizerFile) ?? [];
        JsonArray entries = root["added_tokens"] as JsonArray ?? [];
        root["added_tokens"] = entries;
        if (ExtendVocabulary(root, entries, known, added, special) is { } problem)
        {
            return problem;
        }

        foreach (JsonObject entry in entries.OfType<JsonObject>())
        {
            if (Text(entry["content"]) is { } content && known.Ids.TryGetValue(content, out long id))
            {
                entry["id"] = id;
            }
        }

        foreach (NewToken token in added.Where(t => special.Contains(t.Token)))
        {
            entries.Add((JsonNode)EntryOf(token));
        }

        files[TokenizerVocabulary.TokenizerFile] = PythonJson.Write(root);
        return null;
    }

    /// <summary>Adds the tokens to the vocabulary of a tokenizer.json, unless the library numbers them right as added tokens.</summary>
    private string? ExtendVocabulary(
        JsonObject root, JsonArray entries, TokenizerVocabulary known, IReadOnlyList<NewToken> added, HashSet<string> special)
    {
        JsonNode? vocabulary = root["model"]?["vocab"];
        int size = vocabulary switch
        {
            JsonObject ids => ids.Count,
            JsonArray scores => scores.Count,
            _ => 0,
        };
        long highest = entries.OfType<JsonObject>()
            .Select(e => Text(e["content"]) is { } content ? known.Ids.GetValueOrDefault(content, -1) : -1)
            .DefaultIfEmpty(-1)
            .Max();
        // The id that the library gives the next added token.
        long nextId = highest >= size || size == 0 ? highest + 1 : size;
        bool asEntries = special.Count < added.Count || added[0].Id != nextId;
        IEnumerable<(string Token, long Id, NewToken? New)> tokens = asEntries
            ? known.Ids.Select(t => (t.Key, t.Value, (NewToken?)null)).Concat(added.Select(t => (t.Token, t.Id, (NewToken?)t)))
            : [];
        switch (vocabulary)
        {
            case JsonObject ids:
                foreach ((string token, long id, _) in tokens.OrderBy(t => t.Id))
                {
                    ids[token] = id;
                }

                return null;
            case JsonArray scores:
                return ExtendScores(scores, [.. tokens.Where(t => t.Id >= size).OrderBy(t => t.Id)]);
            default:
                return $"its tokenizer.json has a vocabulary of an unknown kind. {SourceRemedy}";
        }
    }

    /// <summary>Appends tokens to the list of a Unigram vocabulary, where a token's id is its index.</summary>
    private string? ExtendScores(JsonArray scores, IReadOnlyList<(string Token, long Id, NewToken? New)> tokens)
    {
        double lowest = scores.Select(ScoreOf).OfType<double>().DefaultIfEmpty(0).Min();
        foreach ((string token, long id, NewToken? newToken) in tokens)
        {
            if (id != scores.Count)
            {
                return $"its vocabulary is a list, and token {Printable.Escape(token)} would have the id {id} "
                    + $"at place {scores.Count} of it. {SourceRemedy}";
            }

            double score = (newToken is null ? null : ScoreIn(newToken)) ?? lowest;
            scores.Add((JsonNode)new JsonArray(token, Math.Max(lowest, score)));
        }

        return null;
    }

    private static double? ScoreOf(JsonNode? pair) =>
        pair is JsonArray { Count: > 1 } entry && entry[1] is JsonValue score && score.TryGetValue(out double value) ? value : null;

    /// <summary>Finds a token's score in the model that has it.</summary>
    private double? ScoreIn(NewToken token) =>
        token.Source is not null && TokensOf(token.Source).Scores.TryGetValue(token.Token, out double score) ? score : null;

    /// <summary>Whether a token is an added one, and not a word of a vocabulary.</summary>
    private bool IsAdded(NewToken token) => token.Source is null || TokensOf(token.Source).Added.Contains(token.Token);

    /// <summary>Makes the entry of an added token: a copy of its model's entry, or a special token.</summary>
    private JsonObject EntryOf(NewToken token)
    {
        JsonObject entry = token.Source is not null && TokensOf(token.Source).Entries.TryGetValue(token.Token, out JsonObject? original)
            ? (JsonObject)original.DeepClone()
            : new JsonObject
            {
                ["id"] = 0,
                ["content"] = token.Token,
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
                ["normalized"] = false,
                ["special"] = true,
            };
        entry["id"] = token.Id;
        return entry;
    }

    private GiverTokens TokensOf(ICheckpoint giver)
    {
        if (!_givers.TryGetValue(giver, out GiverTokens? tokens))
        {
            tokens = ReadTokens(giver);
            _givers.Add(giver, tokens);
        }

        return tokens;
    }

    private static GiverTokens ReadTokens(ICheckpoint giver)
    {
        JsonObject? root = ReadObject(giver, TokenizerVocabulary.TokenizerFile);
        JsonObject? config = ReadObject(giver, TokenizerVocabulary.ConfigFile);
        IEnumerable<JsonObject> addedTokens = (root?["added_tokens"] as JsonArray)?.OfType<JsonObject>() ?? [];
        IEnumerable<JsonObject> decoder =
            (config?["added_tokens_decoder"] as JsonObject)?.Select(t => t.Value).OfType<JsonObject>() ?? [];
        (string? Text, JsonObject Entry)[] entries = [.. addedTokens.Concat(decoder).Select(e => (Text(e["content"]), e))];
        string[] texts = [.. entries.Select(e => e.Text).OfType<string>()];
        IEnumerable<string> addedFile = ReadObject(giver, TokenizerVocabulary.AddedFile)?.Select(t => t.Key) ?? [];
        IEnumerable<JsonArray> pairs = (root?["model"]?["vocab"] as JsonArray)?.OfType<JsonArray>() ?? [];
        return new GiverTokens(
            entries.Where(e => e.Text is not null)
                .DistinctBy(e => e.Text, StringComparer.Ordinal)
                .ToDictionary(e => e.Text!, e => e.Entry, StringComparer.Ordinal),
            [.. texts, .. addedFile],
            pairs.Where(p => p.Count == 2 && Text(p[0]) is not null && ScoreOf(p) is not null)
                .DistinctBy(p => Text(p[0]), StringComparer.Ordinal)
                .ToDictionary(p => Text(p[0])!, p => ScoreOf(p)!.Value, StringComparer.Ordinal));
    }

    private static string? Text(JsonNode? node) => (node as JsonValue)?.TryGetValue(out string? text) == true ? text : null;

    private static void Extend(JsonObject ids, IEnumerable<NewToken> tokens, Dictionary<string, byte[]?> files, string name)
    {
        foreach (NewToken token in tokens)
        {
            ids[token.Token] = token.Id;
        }

        files[name] = PythonJson.Write(ids);
    }

    private static JsonObject? ReadObject(ICheckpoint model, string name) =>
        AuxiliaryFiles.TryRead(model, name, MaxBytes) is { } bytes ? PythonJson.Parse(bytes) as JsonObject : null;

    /// <summary>The tokens of a model: entries of added tokens, texts of all added tokens, and scores of a Unigram vocabulary.</summary>
    private sealed record GiverTokens(Dictionary<string, JsonObject> Entries, HashSet<string> Added, Dictionary<string, double> Scores);
}
