using LayerSwap.Checkpoints;

namespace LayerSwap.Analysis;

/// <summary>Which rows or columns of an attention weight belong to which head: told from the projection's name and the counts of config.json, and only where they fit the shape.</summary>
internal static class HeadLayout
{
    /// <summary>The heads' sums of a weight whose profiles are known; empty where it has no heads.</summary>
    public static IReadOnlyList<HeadChange> Of(TensorPlace place, ModelConfig? config, double[] rows, double[] columns)
    {
        if (place.Kind != TensorKind.Attention || config is not { Heads: > 0 and { } heads, HeadSize: > 0 and { } size })
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
            "qkv_proj" => Split(rows, size, ("q", heads), ("k", groups), ("v", groups)),
            "query_key_value" => Split(rows, 3 * size, ("qkv", heads)),
            // GPT-2 stores its weights in x out.
            "c_attn" => Split(columns, size, ("q", heads), ("k", heads), ("v", heads)),
            "c_proj" => Split(rows, size, ("o", heads)),
            _ => [],
        };
    }

    private static HeadChange[] Split(double[] profile, long size, params ReadOnlySpan<(string Part, long Heads)> parts)
    {
        long rows = 0;
        foreach ((_, long heads) in parts)
        {
            rows += heads * size;
        }

        if (rows != profile.Length)
        {
            return [];
        }

        List<HeadChange> changes = [];
        int start = 0;
        foreach ((string part, long heads) in parts)
        {
            for (int head = 0; head < heads; head++, start += (int)size)
            {
                changes.Add(new HeadChange { Part = part, Head = head, Sum = profile.AsSpan(start, (int)size).ToArray().Sum() });
            }
        }

        return [.. changes];
    }
}
