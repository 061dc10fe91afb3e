using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;
using LayerSwap.Tests.Cli;
using Tokenizers.DotNet;

namespace LayerSwap.Tests.Recipes;

/// <summary>
/// Loads every tokenizer that a union writes in the tokenizers library, and compares its ids with the rows: words, added tokens, gaps,
/// padding rows, ids beyond the rows, of every kind of vocabulary.
/// </summary>
public sealed class LoadedTokenizerTests : IDisposable
{
    private const int Width = 2;

    private readonly int[] _rows = new int[3];
    private readonly TempFolder _temp = new(inMemory: true);

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData("BPE", false)]
    [InlineData("BPE", true)]
    [InlineData("byte-level", false)]
    [InlineData("byte-level", true)]
    [InlineData("Unigram", false)]
    [InlineData("WordPiece", false)]
    [InlineData("WordPiece", true)]
    [InlineData("WordLevel", false)]
    [InlineData("WordLevel", true)]
    public async Task Token_ids_in_the_tokenizers_library_match_the_embedding_rows(string kind, bool gaps)
    {
        Noise noise = new((ulong)kind.Sum(c => c) + (gaps ? 1UL : 0));
        for (int round = 0; round < 12; round++)
        {
            string[] names = ["base", "first", "second"];
            Dictionary<string, long>[] ids = [.. names.Select((name, m) => Save(name, kind, gaps, noise, m, round))];
            string yaml = "merge_method: linear\nbase_model: base\n"
                + "models: [{model: first, parameters: {weight: 1}}, {model: second, parameters: {weight: 1}}]\ntokenizer:\n"
                + $"  source: {(round % 3 == 2 ? "base" : "union")}\n  tokens:\n    <named{round}>: {{source: {{kind: zero}}}}\n";
            string output = _temp[$"out{round}"];
            using (Recipe recipe = Recipe.Parse(yaml, _temp.Path))
            {
                await recipe.ToMerge().SaveAsync(output, new() { Durable = false });
            }

            using ICheckpoint merged = Checkpoint.Open(output);
            double[] table = SmallModels.Values(merged, "model.embed_tokens.weight"), bias = SmallModels.Values(merged, "lm_head.bias");
            long rows = merged.Find("model.embed_tokens.weight")!.Shape[0];
            Assert.Equal(rows, merged.Find("lm_head.bias")!.Shape[0]);
            JsonObject written = JsonNode.Parse(File.ReadAllBytes(Path.Combine(output, "tokenizer.json")))!.AsObject();
            Assert.Contains($"\"vocab_size\": {rows}", File.ReadAllText(Path.Combine(output, "config.json")), StringComparison.Ordinal);

            // The ids expected by the test, and the ids given by the library.
            using JsonDocument document = JsonDocument.Parse(written.ToJsonString(new JsonSerializerOptions()));
            Dictionary<string, long> loaded = TokenizerVocabulary.ComputeLoadedIds(document.RootElement, out (string, long)? disagreement);
            Assert.Null(disagreement);
            Assert.Equal(loaded.Count, loaded.Values.Distinct().Count());
            using Tokenizer library = new(Path.Combine(output, "tokenizer.json"));
            HashSet<string> added = [.. written["added_tokens"]!.AsArray().Select(t => (string)t!["content"]!)];
            foreach ((string token, long id) in loaded)
            {
                string which = $"{kind}, round {round}: {token} {id} of {rows}";
                Assert.True(id < rows, which);
                if (added.Contains(token))
                {
                    Assert.True(library.Encode(token) is [var only] && only == id, $"{which}: {string.Join(',', library.Encode(token))}");
                }
                else
                {
                    Assert.True(library.Decode([(uint)id]) == token, $"{which}: {library.Decode([(uint)id])}");
                }

                // The row is the mean of the rows of both sources; the base's row, or the other's, where one lacks the token; the mean of
                // all rows where no model has one.
                double[] own = [.. Enumerable.Range(1, 2).Select(m => RowOf(ids, m, token)).OfType<double>()];
                double expected = own.Length == 2
                    ? own.Average()
                    : own.Length == 1
                    ? (own[0] + (RowOf(ids, 0, token) ?? own[0])) / 2
                    : RowOf(ids, 0, token) ?? (token.StartsWith("<named", StringComparison.Ordinal) ? 0 : (MeanOf(1) + MeanOf(2)) / 2);
                Assert.True(
                    table[id * Width] == expected && bias[id] == expected,
                    $"{which}: {table[id * Width]}, {bias[id]}, expected {expected}");
            }

            // No token is lost: every token of the base or, in a union, of all models.
            Assert.All(round % 3 == 2 ? ids[0].Keys : ids.SelectMany(i => i.Keys), t => Assert.Contains(t, loaded.Keys));
            Directory.Delete(output, recursive: true);
            Array.ForEach(names, n => Directory.Delete(_temp[n], recursive: true));
        }
    }

    private double? RowOf(Dictionary<string, long>[] ids, int model, string token) =>
        ids[model].TryGetValue(token, out long id) && id < _rows[model] ? ValueOf(model, id) : null;

    private double MeanOf(int model) => Enumerable.Range(0, _rows[model]).Average(row => ValueOf(model, row));

    private static double ValueOf(int model, long row) => (1000 * (model + 1)) + (2 * row);

    /// <summary>Writes a model with its own tokenizer, and returns the expected token ids.</summary>
    private Dictionary<string, long> Save(string name, string kind, bool gaps, Noise noise, int model, int round)
    {
        string[] words = [
            .. Enumerable.Range(0, 12).Where(_ => noise.Below(3) > 0).Select(i => kind == "byte-level" ? $"Ġw{i}" : $"w{i}"),
            // What byte fallback spells unknown text with.
            .. kind == "BPE" ? ["<0x41>", $"<0x{model:X2}>"] : Array.Empty<string>(),
            $"own{model}"];
        string[] added = [.. Enumerable.Range(0, 5).Where(_ => noise.Below(2) > 0).Select(i => $"<a{i}>")];
        // Some added tokens are also in the vocabulary, as in old tokenizers. With gaps all are, otherwise the library would assign an id
        // twice.
        string[] vocabulary =
            ["[UNK]", .. words.Take(words.Length / 2), .. added.Take(gaps ? added.Length : round % 2), .. words.Skip(words.Length / 2)];
        Dictionary<string, int> numbered =
            vocabulary.Select((w, i) => (w, Id: i + (gaps && i > 5 ? 3 : 0))).ToDictionary(v => v.w, v => v.Id);
        JsonNode vocab = kind == "Unigram"
            ? new JsonArray([.. vocabulary.Select((w, i) => (JsonNode)new JsonArray(w, -1.0 - i))])
            : new JsonObject(numbered.Select(v => KeyValuePair.Create(v.Key, (JsonNode?)JsonValue.Create(v.Value))));
        JsonObject inner = kind switch
        {
            "Unigram" => new JsonObject { ["type"] = "Unigram", ["unk_id"] = 0, ["vocab"] = vocab, ["byte_fallback"] = false },
            "WordPiece" =>
                new JsonObject
                {
                    ["type"] = "WordPiece",
                    ["unk_token"] = "[UNK]",
                    ["continuing_subword_prefix"] = "##",
                    ["max_input_chars_per_word"] = 100,
                    ["vocab"] = vocab
                },
            "WordLevel" => new JsonObject { ["type"] = "WordLevel", ["unk_token"] = "[UNK]", ["vocab"] = vocab },
            _ => new JsonObject
            {
                ["type"] = "BPE",
                ["unk_token"] = "[UNK]",
                ["byte_fallback"] = kind == "BPE",
                ["vocab"] = vocab,
                ["merges"] = new JsonArray()
            },
        };
        int next = numbered.Count;
        JsonObject tokenizer = new()
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray([.. added.Select(a => (JsonNode)new JsonObject
            {
                ["id"] = numbered.TryGetValue(a, out int own) ? own : next++, ["content"] = a, ["single_word"] = false, ["lstrip"] = false,
                ["rstrip"] = false, ["normalized"] = false, ["special"] = noise.Below(2) == 0,
            })]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = null,
            ["post_processor"] = null,
            ["decoder"] = null,
            ["model"] = inner,
        };
        using JsonDocument document = JsonDocument.Parse(tokenizer.ToJsonString(new JsonSerializerOptions()));
        Dictionary<string, long> ids = TokenizerVocabulary.ComputeLoadedIds(document.RootElement, out _);
        // From padding rows to the last ids without a row, which programs leave when they add tokens only to the tokenizer.
        int rows = (int)ids.Values.Max() - 1 + noise.Below(6);
        Folders.Save(
            SmallModels.Of(
                name,
                DType.Float64,
                ("model.embed_tokens.weight", [rows, Width], [.. Enumerable.Range(0, rows * Width).Select(i => ValueOf(model, i / Width))]),
            ("lm_head.bias", [rows], [.. Enumerable.Range(0, rows).Select(i => ValueOf(model, i))])), _temp[name]);
        File.WriteAllText(_temp[name, "config.json"], $$"""{"vocab_size": {{rows}}}""");
        File.WriteAllText(_temp[name, "tokenizer.json"], tokenizer.ToJsonString(new JsonSerializerOptions()));
        _rows[model] = rows;
        return ids;
    }
}
