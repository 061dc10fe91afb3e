using LayerSwap.Checkpoints;
using LayerSwap.LayerMaps;

namespace LayerSwap.Diff;

/// <summary>
/// Maps rows or columns of attention weights to heads, by the projection's name and the head counts of config.json.
/// Counts that do not fit the shape are ignored.
/// </summary>
internal static class HeadLayout
{
    /// <summary>Sums the profiles of a weight by head; empty if it has no heads.</summary>
    public static IReadOnlyList<HeadChange> SumByHead(TensorPlace place, ModelConfig? config, double[] rows, double[] columns)
    {
        // The counts are the language model's, not those of a vision or audio tower.
        bool isLanguageAttention = place.Kind == TensorKind.Attention && place.Stack is not null && StackClassifier.Rank(place.Stack) != 0;
        if (!isLanguageAttention || config is not { Heads: > 0 and { } heads, HeadSize: > 0 and { } size } || size > Array.MaxLength)
        {
            return [];
        }

        long groups = config.KeyValueHeads ?? heads;
        return place.Component[(place.Component.LastIndexOf('.') + 1)..] switch
        {
            "q_proj" or "query" or "q" or "wq" or "q_lin" => Split(rows, size, ("q", heads)),
            "k_proj" or "key" or "k" or "wk" or "k_lin" => Split(rows, size, ("k", groups)),
            "v_proj" or "value" or "v" or "wv" or "v_lin" => Split(rows, size, ("v", groups)),
            "o_proj" or "out_proj" or "o" or "wo" or "out_lin" or "dense" => Split(columns, size, ("o", heads)),
            "qkv_proj" when config.ModelType is not "codegen" => Split(rows, size, ("q", heads), ("k", groups), ("v", groups)),
            "query_key_value" => Split(rows, 3 * size, ("qkv", heads)),
            // GPT-2 stores weights as (in, out); other models with these names do not.
            "c_attn" when config.ModelType is "gpt2" => Split(columns, size, ("q", heads), ("k", heads), ("v", heads)),
            "c_proj" when config.ModelType is "gpt2" => Split(rows, size, ("o", heads)),
            _ => [],
        };
    }

    private static HeadChange[] Split(double[] profile, long size, params ReadOnlySpan<(string Part, long Heads)> parts)
    {
        long rows = 0;
        foreach ((_, long heads) in parts)
        {
            // Compared before multiplying: a config.json may have any number, and the product could overflow.
            if (heads < 1 || heads > profile.Length / size)
            {
                return [];
            }

            rows += heads * size;
        }

        if (rows != profile.Length)
        {
            return [];
        }

        List<HeadChange> sums = [];
        int start = 0;
        foreach ((string part, long heads) in parts)
        {
            for (int head = 0; head < heads; head++, start += (int)size)
            {
                double sum = new ArraySegment<double>(profile, start, (int)size).Sum();
                sums.Add(new HeadChange { Part = part, Head = head, Sum = sum });
            }
        }

        return [.. sums];
    }
}
