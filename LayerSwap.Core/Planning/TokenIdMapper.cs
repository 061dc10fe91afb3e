using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;

namespace LayerSwap.Planning;

/// <summary>Maps token ids in a configuration, such as <c>image_token_id</c>, to the ids of the same tokens in another tokenizer.</summary>
/// <param name="from">The model that the configuration is copied from.</param>
/// <param name="to">The model that the tokenizer is copied from.</param>
internal sealed class TokenIdMapper(ICheckpoint from, ICheckpoint to)
{
    private static readonly string[] TokenKeySuffixes = ["token_id", "token_ids", "token_index", "suppress_tokens"];

    private readonly Dictionary<long, string> _texts =
        TokenizerVocabulary.TryRead(from)?.Ids.DistinctBy(t => t.Value).ToDictionary(t => t.Value, t => t.Key) ?? [];

    private readonly Dictionary<string, long> _ids = TokenizerVocabulary.TryRead(to)?.Ids ?? [];

    /// <summary>Messages about tokens that the other tokenizer lacks, after <see cref="MapIds"/> was enumerated.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Finds the values that change, by path.</summary>
    public IEnumerable<(string Path, JsonNode Value)> MapIds(JsonObject section, string path)
    {
        foreach ((string key, JsonNode? value) in section.ToList())
        {
            if (value is JsonObject inner)
            {
                foreach ((string, JsonNode) change in MapIds(inner, $"{path}/{key}"))
                {
                    yield return change;
                }
            }
            else if (IsTokenKey(key) && value is not null && _texts.Count > 0 && _ids.Count > 0)
            {
                JsonNode? mapped = value is JsonArray list ? new JsonArray([.. list.Select(n => Map(n, key))]) : Map(value, key);
                if (mapped is not null && !JsonNode.DeepEquals(mapped, value))
                {
                    yield return ($"{path}/{key}", mapped);
                }
            }
        }
    }

    private JsonNode? Map(JsonNode? id, string key)
    {
        if (StackConfig.ReadInteger(id) is not { } number || !_texts.TryGetValue(number, out string? text))
        {
            return id?.DeepClone();
        }

        if (_ids.TryGetValue(text, out long mapped))
        {
            return JsonValue.Create(mapped);
        }

        Warnings.Add($"{key} is {number} ({Printable.Escape(text)}), a token that the output's tokenizer lacks; it is not changed.");
        return id!.DeepClone();
    }

    private static bool IsTokenKey(string key) => Array.Exists(TokenKeySuffixes, s => key.EndsWith(s, StringComparison.Ordinal));
}
