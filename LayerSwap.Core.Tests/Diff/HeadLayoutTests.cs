namespace LayerSwap.Tests.Diff;

/// <summary>Rows of attention weights summed by head, as config.json counts them; for output projections columns.</summary>
public sealed class HeadLayoutTests : IDisposable
{
    private const string Grouped = """{"hidden_size":8,"num_attention_heads":4,"num_key_value_heads":2}""";
    private const string Wide = """{"hidden_size":8,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":3}""";
    private const string Plain = """{"hidden_size":8,"num_attention_heads":4}""";
    private const string Gpt2 = """{"model_type":"gpt2","n_embd":8,"n_head":4}""";
    private const string T5 = """{"d_model":8,"num_heads":4,"d_kv":3}""";
    private const string Llama = "model.layers.0.self_attn.";

    private readonly TempFolder _temp = new(inMemory: true);

    public void Dispose() => _temp.Dispose();

    /// <param name="config">The base's config.json.</param>
    /// <param name="name">A weight.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="lies">What the heads lie along: r for rows, c for columns.</param>
    /// <param name="heads">The heads in the order in which they lie, all of one size.</param>
    [Theory]
    [InlineData(Grouped, Llama + "q_proj", 8, 8, 'r', "q0 q1 q2 q3")]
    [InlineData(Grouped, Llama + "k_proj", 4, 8, 'r', "k0 k1")]
    [InlineData(Grouped, Llama + "v_proj", 4, 8, 'r', "v0 v1")]
    [InlineData(Grouped, Llama + "o_proj", 8, 8, 'c', "o0 o1 o2 o3")]
    [InlineData(Wide, Llama + "q_proj", 12, 8, 'r', "q0 q1 q2 q3")]
    [InlineData(Wide, Llama + "k_proj", 6, 8, 'r', "k0 k1")]
    [InlineData(Wide, Llama + "o_proj", 8, 12, 'c', "o0 o1 o2 o3")]
    [InlineData(Plain, Llama + "k_proj", 8, 8, 'r', "k0 k1 k2 k3")]
    [InlineData("""{"model_type":"vision","text_config":""" + Wide + "}",
        "language_model.model.layers.0.self_attn.v_proj", 6, 8, 'r', "v0 v1")]
    [InlineData("""{"head_dim":3,"num_attention_heads":9,"text_config":""" + Grouped + "}", Llama + "o_proj", 8, 12, 'c', "o0 o1 o2 o3")]
    [InlineData(Grouped, Llama + "qkv_proj", 16, 8, 'r', "q0 q1 q2 q3 k0 k1 v0 v1")]
    [InlineData(Wide, Llama + "qkv_proj", 24, 8, 'r', "q0 q1 q2 q3 k0 k1 v0 v1")]
    [InlineData(Plain, "gpt_neox.layers.0.attention.query_key_value", 24, 8, 'r', "qkv0 qkv1 qkv2 qkv3")]
    [InlineData(Plain, "gpt_neox.layers.0.attention.dense", 8, 8, 'c', "o0 o1 o2 o3")]
    [InlineData(Gpt2, "transformer.h.0.attn.c_attn", 8, 24, 'c', "q0 q1 q2 q3 k0 k1 k2 k3 v0 v1 v2 v3")]
    [InlineData(Gpt2, "transformer.h.0.attn.c_proj", 8, 8, 'r', "o0 o1 o2 o3")]
    [InlineData(Plain, "bert.encoder.layer.0.attention.self.query", 8, 8, 'r', "q0 q1 q2 q3")]
    [InlineData(Plain, "bert.encoder.layer.0.attention.output.dense", 8, 8, 'c', "o0 o1 o2 o3")]
    [InlineData(T5, "encoder.block.0.layer.0.SelfAttention.v", 12, 8, 'r', "v0 v1 v2 v3")]
    [InlineData(T5, "encoder.block.0.layer.0.SelfAttention.o", 8, 12, 'c', "o0 o1 o2 o3")]
    public async Task Heads_sum_adjacent_rows_or_columns(string config, string name, int rows, int columns, char lies, string heads)
    {
        (TensorProfile profile, double[] changes) = await ProfileAsync(config, name, rows, columns);
        double[] along = lies == 'r' ? DeltaOracle.Rows(changes, rows, columns) : DeltaOracle.Columns(changes, rows, columns);
        string[] expected = heads.Split(' ');
        int size = along.Length / expected.Length;
        double[] sums = new double[expected.Length];
        for (int i = 0; i < size * expected.Length; i++)
        {
            sums[i / size] += along[i];
        }

        Assert.Equal(expected, profile.Heads.Select(h => $"{h.Part}{h.Head}"));
        DeltaOracle.Near(sums, [.. profile.Heads.Select(h => h.Sum)]);
    }

    [Theory]
    [InlineData(null, Llama + "q_proj", 8, 8)]
    [InlineData("{}", Llama + "q_proj", 8, 8)]
    [InlineData("""{"num_attention_heads":4}""", Llama + "q_proj", 8, 8)]
    [InlineData("""{"hidden_size":8,"num_attention_heads":3}""", Llama + "q_proj", 8, 8)]
    [InlineData(Grouped, Llama + "q_proj", 10, 8)]
    [InlineData(Grouped, Llama + "q_proj", 4, 8)]
    [InlineData(Grouped, Llama + "k_proj", 8, 8)]
    [InlineData(Grouped, Llama + "o_proj", 8, 10)]
    [InlineData(Grouped, Llama + "qkv_proj", 24, 8)]
    [InlineData(Plain, "transformer.h.0.self_attention.query_key_value", 12, 8)]
    [InlineData(Gpt2, "transformer.h.0.attn.c_attn", 24, 8)]
    [InlineData(Gpt2, "transformer.h.0.mlp.c_proj", 8, 8)]
    [InlineData(Plain, "bert.encoder.layer.0.output.dense", 8, 8)]
    [InlineData(Grouped, "model.layers.0.mlp.up_proj", 8, 8)]
    [InlineData(Grouped, "q_proj", 8, 8)]
    public async Task Mismatched_counts_or_shapes_have_no_heads(string? config, string name, int rows, int columns)
    {
        TensorProfile profile = (await ProfileAsync(config, name, rows, columns)).Profile;
        Assert.Empty(profile.Heads);
        Assert.Equal((rows, columns), (profile.Rows.Count, profile.Columns.Count));
    }

    /// <summary>Counts whose products wrap around to the weight's own rows, and parts that cancel each other out.</summary>
    [Theory]
    [InlineData("""{"num_attention_heads":4611686018427387906,"head_dim":4}""", Llama + "q_proj", 8)]
    [InlineData("""{"num_attention_heads":4,"num_key_value_heads":4611686018427387905,"head_dim":4}""", Llama + "k_proj", 4)]
    [InlineData("""{"num_attention_heads":4,"num_key_value_heads":-1,"head_dim":2}""", Llama + "qkv_proj", 4)]
    [InlineData("""{"num_attention_heads":4,"num_key_value_heads":0,"head_dim":2}""", Llama + "qkv_proj", 8)]
    [InlineData("""{"num_attention_heads":-4,"num_key_value_heads":-4,"head_dim":-2}""", Llama + "q_proj", 8)]
    [InlineData("""{"num_attention_heads":2,"head_dim":9223372036854775807}""", Llama + "q_proj", 8)]
    [InlineData("""{"num_attention_heads":8,"head_dim":6148914691236517206}""", "gpt_neox.layers.0.attention.query_key_value", 16)]
    public async Task Impossible_counts_have_no_heads(string config, string name, int rows) =>
        Assert.Empty((await ProfileAsync(config, name, rows, 8)).Profile.Heads);

    /// <summary>The profile of a weight of a base that was saved to a folder, with this config.json, and what it is to be told
    /// from.</summary>
    private async Task<(TensorProfile Profile, double[] Changes)> ProfileAsync(string? config, string name, int rows, int columns)
    {
        double[] values = DeltaOracle.Noise(rows * columns, rows);
        using ICheckpoint memory = SmallModels.Of("memory", DType.Float32, (name + ".weight", [rows, columns], values)),
            fineTuned = SmallModels.Of("b", DType.Float32, (name + ".weight", [rows, columns], DeltaOracle.Moved(values, 0.1, columns)));
        await Merge.Onto(memory).SaveAsync(_temp["base"]);
        if (config is not null)
        {
            File.WriteAllText(_temp["base", "config.json"], config);
        }

        using ICheckpoint baseModel = Checkpoint.Open(_temp["base"]);
        LayerDiffReport report = await LayerDiff.From(baseModel).To(fineTuned).WithProfiles().RunAsync();
        return (Assert.Single(report.Profiles), DeltaOracle.Changes(baseModel, fineTuned, name + ".weight"));
    }
}
