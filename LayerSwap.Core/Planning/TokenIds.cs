using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;

namespace LayerSwap.Planning;

/// <summary>Ids of tokens that a configuration names, such as <c>image_token_id</c>, under another tokenizer: the same tokens have other ids there.</summary>
/// <param name="from">The model whose configuration it is.</param>
/// <param name="to">The model that gives the tokenizer.</param>
internal sealed class TokenIds(ICheckpoint from, ICheckpoint to)
{
    private readonly Dictionary<long, string> _texts = TokenizerVocabulary.TryRead(from)?.Ids.DistinctBy(t => t.Value).ToDictionary(t => t.Value, t => t.Key) ?? [];
    private readonly Dictionary<string, long> _ids = TokenizerVocabulary.TryRead(to)?.Ids ?? [];

    /// <summary>Keys whose tokens the other tokenizer lacks, in words.</summary>
    public List<string> Lacking { get; } = [];

    /// <summary>The values that change, by path.</summary>
    public IEnumerable<(string Path, JsonNode Value)> Moved(JsonObject part, string path)
    {
        foreach ((string key, JsonNode? value) in part.ToList())
        {
            if (value is JsonObject inner)
            {
                foreach ((string, JsonNode) moved in Moved(inner, $"{path}/{key}"))
                {
                    yield return moved;
                }
            }
            else if (IsTokenKey(key) && value is not null && _texts.Count > 0 && _ids.Count > 0)
            {
                JsonNode? moved = value is JsonArray list ? new JsonArray([.. list.Select(n => Move(n, key))]) : Move(value, key);
                if (moved is not null && !JsonNode.DeepEquals(moved, value))
                {
                    yield return ($"{path}/{key}", moved);
                }
            }
        }
    }

    private JsonNode? Move(JsonNode? id, string key)
    {
        if (StackConfig.Whole(id) is not { } number || !_texts.TryGetValue(number, out string? text))
        {
            return id?.DeepClone();
        }

        if (_ids.TryGetValue(text, out long moved))
        {
            return JsonValue.Create(moved);
        }

        Lacking.Add($"{key} is {number} ({Printable.Escape(text)}), a token that the tokenizer written lacks; it is left as it is.");
        return id!.DeepClone();
    }

    private static bool IsTokenKey(string key) => key.EndsWith("token_id", StringComparison.Ordinal) || key.EndsWith("token_ids", StringComparison.Ordinal) || key.EndsWith("token_index", StringComparison.Ordinal)
        || key.EndsWith("suppress_tokens", StringComparison.Ordinal);
}
