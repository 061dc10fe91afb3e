namespace LayerSwap.Benchmarks.Synthetic;

/// <summary>
/// The tensors of DeepSeek-V3, by its published names and shapes, with the layer that predicts a second token and a scale for each matrix.
/// Matrices are BF16 instead of FP8.
/// </summary>
internal static class DeepSeekShape
{
    private const int Hidden = 7168, Vocabulary = 129280, Layers = 61, DenseLayers = 3, Experts = 256, Expert = 2048, Dense = 18432;
    private const int Heads = 128, Query = 1536, KeyValue = 512, Rotary = 64, HeadSize = 128, Block = 128;

    /// <summary>The values of the published config.json that a merge reads.</summary>
    public static string Config => $$"""
        {
          "architectures": ["DeepseekV3ForCausalLM"],
          "model_type": "deepseek_v3",
          "hidden_size": {{Hidden}},
          "num_hidden_layers": {{Layers}},
          "num_attention_heads": {{Heads}},
          "num_key_value_heads": {{Heads}},
          "n_routed_experts": {{Experts}},
          "vocab_size": {{Vocabulary}},
          "tie_word_embeddings": false,
          "torch_dtype": "bfloat16"
        }
        """;

    public static IEnumerable<TensorInfo> Tensors()
    {
        yield return Matrix("model.embed_tokens", Vocabulary, Hidden);
        for (int layer = 0; layer <= Layers; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            IEnumerable<TensorInfo> mlp = layer < DenseLayers ? FeedForward(prefix + "mlp.", Dense) : Mixture(prefix + "mlp.");
            IEnumerable<TensorInfo> secondToken = layer == Layers ? SecondToken(prefix) : [];
            foreach (TensorInfo tensor in (IEnumerable<TensorInfo>)[.. Attention(prefix), .. mlp, .. secondToken])
            {
                yield return tensor;
            }
        }

        yield return Vector("model.norm", Hidden);
        yield return Matrix("lm_head", Vocabulary, Hidden);
    }

    private static IEnumerable<TensorInfo> Attention(string prefix) =>
    [
        Vector(prefix + "input_layernorm", Hidden),
        Vector(prefix + "post_attention_layernorm", Hidden),
        Vector(prefix + "self_attn.q_a_layernorm", Query),
        Vector(prefix + "self_attn.kv_a_layernorm", KeyValue),
        .. Scaled(prefix + "self_attn.q_a_proj", Query, Hidden),
        .. Scaled(prefix + "self_attn.q_b_proj", Heads * (HeadSize + Rotary), Query),
        .. Scaled(prefix + "self_attn.kv_a_proj_with_mqa", KeyValue + Rotary, Hidden),
        .. Scaled(prefix + "self_attn.kv_b_proj", Heads * 2 * HeadSize, KeyValue),
        .. Scaled(prefix + "self_attn.o_proj", Hidden, Heads * HeadSize),
    ];

    private static IEnumerable<TensorInfo> Mixture(string prefix) =>
    [
        Matrix(prefix + "gate", Experts, Hidden),
        new(prefix + "gate.e_score_correction_bias", DType.Float32, new TensorShape(Experts)),
        .. FeedForward(prefix + "shared_experts.", Expert),
        .. Enumerable.Range(0, Experts).SelectMany(e => FeedForward($"{prefix}experts.{e}.", Expert)),
    ];

    private static IEnumerable<TensorInfo> FeedForward(string prefix, int width) =>
    [
        .. Scaled(prefix + "gate_proj", width, Hidden),
        .. Scaled(prefix + "up_proj", width, Hidden),
        .. Scaled(prefix + "down_proj", Hidden, width),
    ];

    private static IEnumerable<TensorInfo> SecondToken(string prefix) =>
    [
        Vector(prefix + "enorm", Hidden),
        Vector(prefix + "hnorm", Hidden),
        Matrix(prefix + "eh_proj", Hidden, 2 * Hidden),
        Matrix(prefix + "embed_tokens", Vocabulary, Hidden),
        Vector(prefix + "shared_head.norm", Hidden),
        Matrix(prefix + "shared_head.head", Vocabulary, Hidden),
    ];

    private static IEnumerable<TensorInfo> Scaled(string name, long rows, long columns)
    {
        TensorShape blocks = new((rows + Block - 1) / Block, (columns + Block - 1) / Block);
        return [Matrix(name, rows, columns), new(name + ".weight_scale_inv", DType.Float32, blocks)];
    }

    private static TensorInfo Matrix(string name, long rows, long columns) =>
        new(name + ".weight", DType.BFloat16, new TensorShape(rows, columns));

    private static TensorInfo Vector(string name, long length) => new(name + ".weight", DType.BFloat16, new TensorShape(length));
}
