namespace LayerSwap.Tests.LayerMaps;

/// <summary>Tests tensor kinds of published families against the families' code.</summary>
public class TensorKindTests
{
    [Theory]
    // Mixers, which replace attention.
    [InlineData(TensorKind.Attention, "model.layers.0.mamba.in_proj.weight")]
    [InlineData(TensorKind.Attention, "model.layers.0.mamba.A_log")]
    [InlineData(TensorKind.Norm, "model.layers.0.mamba.norm.weight")]
    [InlineData(TensorKind.Norm, "model.layers.0.mamba.dt_layernorm.weight")]
    [InlineData(TensorKind.Attention, "model.layers.0.conv.conv.weight")]
    [InlineData(TensorKind.Attention, "model.layers.0.conv.in_proj.weight")]
    [InlineData(TensorKind.Norm, "model.layers.0.operator_norm.weight")]
    [InlineData(TensorKind.Mlp, "model.layers.0.feed_forward.w1.weight")]
    [InlineData(TensorKind.Attention, "model.layers.0.temporal_block.rg_lru.recurrent_param")]
    [InlineData(TensorKind.Norm, "model.layers.0.temporal_pre_norm.weight")]
    [InlineData(TensorKind.Mlp, "model.layers.0.mlp_block.up_proj.weight")]
    [InlineData(TensorKind.Attention, "model.layers.0.linear_attn.in_proj_qkvz.weight")]
    [InlineData(TensorKind.Attention, "backbone.layers.0.mixer.in_proj.weight")]
    [InlineData(TensorKind.Attention, "backbone.layers.0.mixer.q_proj.weight")]
    [InlineData(TensorKind.Mlp, "backbone.layers.0.mixer.up_proj.weight")]
    [InlineData(TensorKind.Mlp, "backbone.layers.0.mixer.experts.3.down_proj.weight")]
    [InlineData(TensorKind.Mlp, "backbone.layers.0.mixer.gate.e_score_correction_bias")]
    [InlineData(TensorKind.Norm, "backbone.layers.0.mixer.norm.weight")]
    [InlineData(TensorKind.Norm, "model.layers.0.self_attn.q_layernorm.norms.1.weight")]
    [InlineData(TensorKind.Attention, "transformer.layer.0.rel_attn.r_w_bias")]
    [InlineData(TensorKind.Mlp, "decoder.block.1.layer.2.mlp.experts.expert_3.wi.weight")]
    // The norm after the last layer, and norms of towers.
    [InlineData(TensorKind.Norm, "model.embedding_norm.weight")]
    [InlineData(TensorKind.Embedding, "bert.embeddings.LayerNorm.weight")]
    [InlineData(TensorKind.Embedding, "transformer.word_embeddings_layernorm.weight")]
    [InlineData(TensorKind.Norm, "vision_tower.vision_model.post_layernorm.weight")]
    [InlineData(TensorKind.Norm, "vision_model.pre_layrnorm.bias")]
    [InlineData(TensorKind.Norm, "vision_tower.ln_pre.weight")]
    // Heads, and modules before the projection.
    [InlineData(TensorKind.Head, "lm_loss.weight")]
    [InlineData(TensorKind.Head, "predictions.bias")]
    [InlineData(TensorKind.Head, "predictions.decoder.weight")]
    [InlineData(TensorKind.Head, "predictions.LayerNorm.weight")]
    [InlineData(TensorKind.Head, "generator_predictions.dense.weight")]
    [InlineData(TensorKind.Head, "generator_lm_head.weight")]
    [InlineData(TensorKind.Head, "discriminator_predictions.dense_prediction.weight")]
    [InlineData(TensorKind.Head, "final_logits_bias")]
    [InlineData(TensorKind.Head, "vocab_projector.bias")]
    [InlineData(TensorKind.Head, "vocab_layer_norm.weight")]
    [InlineData(TensorKind.Head, "decoder.bias")]
    [InlineData(TensorKind.Head, "head.norm.weight")]
    [InlineData(TensorKind.Head, "proj_out.weight")]
    [InlineData(TensorKind.Head, "lm_heads.0.weight")]
    [InlineData(TensorKind.Head, "transformer.output_layer.weight")]
    [InlineData(TensorKind.Head, "mtp.layers.0.self_attn.q_proj.weight")]
    [InlineData(TensorKind.Head, "model.mtp_layers.0.mlp.up_proj.weight")]
    public void Tensor_kinds_match_their_family(TensorKind kind, string name) =>
        Assert.Equal(kind, LayerMapTests.Map("model.layers.0.self_attn.q_proj.weight", name)[name].Kind);

    [Theory]
    [InlineData(true, "lm_head.weight")]
    [InlineData(true, "lm_loss.bias")]
    [InlineData(true, "predictions.bias")]
    [InlineData(true, "generator_lm_head.weight")]
    [InlineData(true, "decoder.bias")]
    [InlineData(true, "final_logits_bias")]
    [InlineData(true, "model.layers.61.shared_head.head.weight")]
    [InlineData(false, "mtp.fc.weight")]
    [InlineData(false, "mtp.layers.0.self_attn.q_proj.weight")]
    [InlineData(false, "predictions.dense.weight")]
    [InlineData(false, "generator_predictions.dense.weight")]
    [InlineData(false, "discriminator_predictions.dense_prediction.weight")]
    [InlineData(false, "vocab_transform.weight")]
    [InlineData(false, "pre_classifier.weight")]
    [InlineData(false, "head.dense.weight")]
    public void Heads_with_and_without_token_rows_are_distinguished(bool isTable, string name) =>
        Assert.Equal(isTable, global::LayerSwap.LayerMaps.TensorKindClassifier.IsTokenTable(name, TensorKind.Head));

    [Fact]
    public void Experts_numbered_in_their_names_are_one_component() =>
        Assert.Equal("layer.2.mlp.experts.expert_*.wi",
            LayerMapTests.Map("decoder.block.1.layer.2.mlp.experts.expert_3.wi.weight")[
                "decoder.block.1.layer.2.mlp.experts.expert_3.wi.weight"].Component);

    [Fact]
    public void Multi_token_prediction_layers_are_not_a_stack()
    {
        LayerMap map = LayerMapTests.Map("model.layers.0.self_attn.q_proj.weight", "mtp.layers.0.self_attn.q_proj.weight");
        Assert.Equal(["model.layers"], map.Stacks.Keys);
        Assert.Null(map["mtp.layers.0.self_attn.q_proj.weight"].Layer);
    }

    [Fact]
    public void The_norm_of_a_tower_goes_with_the_rest_of_the_tower()
    {
        string[] names = ["model.layers.0.w", "model.layers.1.w", "model.norm.weight",
            "vision_tower.post_layernorm.weight", "vision_tower.embeddings.patch_embedding.weight"];
        ICheckpoint Filled(string name, byte value) =>
            Checkpoint.InMemory(name,
                names.Select(n => (new TensorInfo(n, DType.Float8E4M3, new TensorShape(4)),
                    (ReadOnlyMemory<byte>)new[] { value, value, value, value })));
        LayerSwapOptions options = new()
        {
            Bottom = 1,
            Top = 0,
            TransitionBottom = 0,
            TransitionTop = 0,
            Norm = OutsidePolicy.Language,
            Embeddings = OutsidePolicy.Language,
            Others = OutsidePolicy.Task
        };
        MergePlan plan = Merge.LayerSwap(Filled("task", 0x38), Filled("language", 0x40), options).Plan();
        Assert.Equal(["language", "task", "language", "task", "task"],
            names.Select(n => plan.Tensors.Single(t => t.Tensor.Name == n).Sources[0]));
    }
}
