using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;

namespace LayerSwap.Recipes;

/// <summary>A token that an output's tokenizer gets in addition to those of the model that gives it.</summary>
/// <param name="Token">Its text.</param>
/// <param name="Id">Its id, and the row of the tables.</param>
/// <param name="Giver">The model whose token it is; null for one that no model has.</param>
internal sealed record NewToken(string Token, long Id, ICheckpoint? Giver);

/// <summary>
/// Writes a tokenizer's files with more tokens, so that programs load it with the ids that the rows have. The tokenizers library numbers added tokens by the size of the vocabulary, whatever the file
/// says; so every token, those already added too, becomes an entry of the vocabulary with its id, from which the library takes it. Merge rules are not made up: words of other models stay entries.
/// </summary>
internal sealed class TokenizerFiles
{
    private const long Longest = 200_000_000;

    private readonly Dictionary<ICheckpoint, GiverTokens> _givers = [];

    private TokenizerFiles()
    {
    }

    /// <summary>Writes the files that change.</summary>
    /// <param name="donor">The model whose tokenizer it is.</param>
    /// <param name="known">The ids of its tokens, as it is loaded.</param>
    /// <param name="added">The new tokens, ascending.</param>
    /// <param name="files">Receives the files.</param>
    /// <returns>What stands against it; null if nothing does.</returns>
    public static string? Write(ICheckpoint donor, TokenizerVocabulary known, IReadOnlyList<NewToken> added, Dictionary<string, byte[]?> files) => new TokenizerFiles().WriteAll(donor, known, added, files);

    private string? WriteAll(ICheckpoint donor, TokenizerVocabulary known, IReadOnlyList<NewToken> added, Dictionary<string, byte[]?> files)
    {
        HashSet<string> special = [.. added.Where(IsAdded).Select(t => t.Token)];
        if (known.File == TokenizerVocabulary.TokenizerFile && WriteTokenizer(donor, known, added, special, files) is { } problem)
        {
            return problem;
        }

        // The files of slow tokenizers say ids themselves.
        NewToken[] words = [.. added.Where(t => !special.Contains(t.Token))];
        if (ReadObject(donor, TokenizerVocabulary.VocabularyFile) is { } vocabulary)
        {
            Extend(vocabulary, words, files, TokenizerVocabulary.VocabularyFile);
        }

        if (words.Length > 0 && known.File == TokenizerVocabulary.TokenizerFile)
        {
            // Other formats of the same vocabulary: lines are ids, and SentencePiece models and ranks cannot be given a word.
            foreach (string name in AuxiliaryFiles.CopiedOf(donor).Where(IsOtherVocabulary))
            {
                files[name] = name == TokenizerVocabulary.LinesFile ? WithLines(AuxiliaryFiles.TryRead(donor, name, Longest)!, words) : null;
            }
        }

        if (known.File == TokenizerVocabulary.LinesFile)
        {
            return $"its tokenizer is {TokenizerVocabulary.LinesFile}, whose lines are ids: no token can be added to it. Remedy: save it as {TokenizerVocabulary.TokenizerFile} (load it in transformers, and save it), or choose one model's tokenizer as source.";
        }

        JsonObject? own = ReadObject(donor, TokenizerVocabulary.AddedFile);
        if (special.Count > 0 && (own is not null || known.File != TokenizerVocabulary.TokenizerFile))
        {
            Extend(own ?? [], added.Where(t => special.Contains(t.Token)), files, TokenizerVocabulary.AddedFile);
        }

        if (special.Count > 0 && ReadObject(donor, TokenizerVocabulary.ConfigFile) is { } config && config["added_tokens_decoder"] is JsonObject decoder)
        {
            foreach (NewToken token in added.Where(t => special.Contains(t.Token)))
            {
                JsonObject entry = Entry(token);
                entry.Remove("id");
                decoder[token.Id.ToString(CultureInfo.InvariantCulture)] = entry;
            }

            files[TokenizerVocabulary.ConfigFile] = PythonJson.Write(config);
        }

        return null;
    }

    private static bool IsOtherVocabulary(string name) => name is TokenizerVocabulary.LinesFile or "tekken.json" || name.EndsWith(".model", StringComparison.Ordinal)
        || name.EndsWith(".spm", StringComparison.Ordinal) || name.EndsWith(".tiktoken", StringComparison.Ordinal);

    /// <returns>Null where the words' ids do not go on from the lines.</returns>
    private static byte[]? WithLines(byte[] file, NewToken[] words)
    {
        string text = Encoding.UTF8.GetString(file).TrimEnd('\n') + "\n";
        int lines = text.Count(c => c == '\n');
        return words.Where((w, i) => w.Id != lines + i).Any() ? null : Encoding.UTF8.GetBytes(text + string.Concat(words.Select(w => w.Token + "\n")));
    }

    private string? WriteTokenizer(ICheckpoint donor, TokenizerVocabulary known, IReadOnlyList<NewToken> added, HashSet<string> special, Dictionary<string, byte[]?> files)
    {
        JsonObject root = ReadObject(donor, TokenizerVocabulary.TokenizerFile) ?? [];
        JsonArray entries = root["added_tokens"] as JsonArray ?? [];
        root["added_tokens"] = entries;
        int size = root["model"]?["vocab"] switch { JsonObject entriesOf => entriesOf.Count, JsonArray list => list.Count, _ => 0 };
        long highest = entries.OfType<JsonObject>().Select(e => Text(e["content"]) is { } content ? known.Ids.GetValueOrDefault(content, -1) : -1).DefaultIfEmpty(-1).Max();
        // Added tokens alone are numbered on by the library, if nothing lies between.
        bool asEntries = special.Count < added.Count || added[0].Id != (highest >= size || size == 0 ? highest + 1 : size);
        IEnumerable<(string Token, long Id, NewToken? New)> all = !asEntries ? [] : known.Ids.Select(t => (t.Key, t.Value, (NewToken?)null)).Concat(added.Select(t => (t.Token, t.Id, (NewToken?)t)));
        switch (root["model"]?["vocab"])
        {
            case JsonObject vocabulary:
                foreach ((string token, long id, _) in all.OrderBy(t => t.Id))
                {
                    vocabulary[token] = id;
                }

                break;
            case JsonArray scores:
                double worst = scores.Select(Score).OfType<double>().DefaultIfEmpty(0).Min();
                // Ids are places in the list.
                foreach ((string token, long id, NewToken? made) in all.Where(t => t.Id >= scores.Count).OrderBy(t => t.Id).ToList())
                {
                    if (id != scores.Count)
                    {
                        return $"its vocabulary is a list, and token {Printable.Escape(token)} would have the id {id} at place {scores.Count} of it. Remedy: choose one model's tokenizer as source.";
                    }

                    scores.Add((JsonNode)new JsonArray(token, Math.Max(worst, made is null ? worst : ScoreIn(made) ?? worst)));
                }

                break;
            default:
                return "its tokenizer.json has a vocabulary of an unknown kind. Remedy: choose one model's tokenizer as source.";
        }

        foreach (JsonObject entry in entries.OfType<JsonObject>())
        {
            // The file says what the library does.
            if (Text(entry["content"]) is { } content && known.Ids.TryGetValue(content, out long id))
            {
                entry["id"] = id;
            }
        }

        foreach (NewToken token in added.Where(t => special.Contains(t.Token)))
        {
            entries.Add((JsonNode)Entry(token));
        }

        files[TokenizerVocabulary.TokenizerFile] = PythonJson.Write(root);
        return null;
    }

    private static double? Score(JsonNode? pair) => (pair as JsonArray)?[1] is JsonValue score && score.TryGetValue(out double value) ? value : null;

    /// <summary>The score that the model that gives a token has for it.</summary>
    private double? ScoreIn(NewToken token) => token.Giver is not null && Of(token.Giver).Scores.TryGetValue(token.Token, out double score) ? score : null;

    /// <summary>Whether a token is an added one, not a word of a vocabulary.</summary>
    private bool IsAdded(NewToken token) => token.Giver is null || Of(token.Giver).Added.Contains(token.Token);

    /// <summary>How a token is added: as its model has it, or as a special one.</summary>
    private JsonObject Entry(NewToken token)
    {
        JsonObject entry = token.Giver is not null && Of(token.Giver).Entries.TryGetValue(token.Token, out JsonObject? own) ? (JsonObject)own.DeepClone()
            : new JsonObject { ["id"] = 0, ["content"] = token.Token, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = true };
        entry["id"] = token.Id;
        return entry;
    }

    private GiverTokens Of(ICheckpoint giver)
    {
        if (!_givers.TryGetValue(giver, out GiverTokens? tokens))
        {
            JsonObject? root = ReadObject(giver, TokenizerVocabulary.TokenizerFile), config = ReadObject(giver, TokenizerVocabulary.ConfigFile);
            JsonObject[] entries = [.. (root?["added_tokens"] as JsonArray)?.OfType<JsonObject>() ?? [], .. (config?["added_tokens_decoder"] as JsonObject)?.Select(t => t.Value).OfType<JsonObject>() ?? []];
            tokens = new GiverTokens(
                entries.Where(e => Text(e["content"]) is not null).DistinctBy(e => Text(e["content"]), StringComparer.Ordinal).ToDictionary(e => Text(e["content"])!, StringComparer.Ordinal),
                [.. entries.Select(e => Text(e["content"])).OfType<string>(), .. ReadObject(giver, TokenizerVocabulary.AddedFile)?.Select(t => t.Key) ?? []],
                (root?["model"]?["vocab"] as JsonArray)?.OfType<JsonArray>().Where(p => p.Count == 2 && Text(p[0]) is not null && Score(p) is not null).DistinctBy(p => Text(p[0]), StringComparer.Ordinal)
                    .ToDictionary(p => Text(p[0])!, p => Score(p)!.Value, StringComparer.Ordinal) ?? []);
            _givers.Add(giver, tokens);
        }

        return tokens;
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

    private static JsonObject? ReadObject(ICheckpoint model, string name) => AuxiliaryFiles.TryRead(model, name, Longest) is { } bytes ? PythonJson.Parse(bytes) as JsonObject : null;

    /// <summary>What a model says of its tokens: entries of added ones, all added ones, and scores of a list.</summary>
    private sealed record GiverTokens(Dictionary<string, JsonObject> Entries, HashSet<string> Added, Dictionary<string, double> Scores);
}
