namespace LayerSwap.Benchmarks.Synthetic;

/// <summary>The sizes of a Llama-like model, and its tensors.</summary>
internal sealed record LlamaShape
{
    public int Layers { get; init; } = 4;

    public int Hidden { get; init; } = 32;

    public int FeedForward { get; init; } = 64;

    public int Vocabulary { get; init; } = 48;

    public DType DType { get; init; } = DType.BFloat16;

    /// <summary>Creates a shape of about the given number of bytes, nine tenths of them in 16 layers.</summary>
    public static LlamaShape OfSize(long bytes, DType dtype = DType.BFloat16)
    {
        const int layers = 16;
        // A layer has 4 h^2 + 3 h (8/3 h) = 12 h^2 elements; embeddings and head have 2 v h.
        double elements = bytes * 8.0 / dtype.Bits();
        int hidden = Math.Max(32, (int)(Math.Sqrt(elements * 0.9 / (layers * 12)) / 32) * 32);
        LlamaShape shape = new() { Layers = layers, Hidden = hidden, FeedForward = hidden * 8 / 3, DType = dtype };
        double rest = elements - shape.Tensors().Where(t => t.Name.Contains("layers", StringComparison.Ordinal)).Sum(t => t.ElementCount);
        return shape with { Vocabulary = (int)Math.Max(16, rest / (2.0 * hidden)) };
    }

    public IEnumerable<TensorInfo> Tensors()
    {
        yield return Matrix("model.embed_tokens", Vocabulary, Hidden);
        for (int layer = 0; layer < Layers; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            yield return Vector(prefix + "input_layernorm");
            yield return Vector(prefix + "post_attention_layernorm");
            foreach (string part in (string[])["q_proj", "k_proj", "v_proj", "o_proj"])
            {
                yield return Matrix(prefix + "self_attn." + part, Hidden, Hidden);
            }

            yield return Matrix(prefix + "mlp.gate_proj", FeedForward, Hidden);
            yield return Matrix(prefix + "mlp.up_proj", FeedForward, Hidden);
            yield return Matrix(prefix + "mlp.down_proj", Hidden, FeedForward);
        }

        yield return Vector("model.norm");
        yield return Matrix("lm_head", Vocabulary, Hidden);
    }

    private TensorInfo Matrix(string name, long rows, long columns) => new(name + ".weight", DType, new TensorShape(rows, columns));

    private TensorInfo Vector(string name) => new(name + ".weight", DType, new TensorShape(Hidden));
}
