namespace LayerSwap.Tests.LayerMaps;

/// <summary>A tensor of a published checkpoint and its place according to the model's code.</summary>
internal sealed record KnownTensor(string Name, TensorKind Kind, string? Stack, int? Layer, string Component);

/// <summary>
/// Tensor names as published Hugging Face checkpoints have them, cut to a few layers. A line is: kind, stack or -, the name (after the
/// layer's number), the component where it is not the name without .weight. <c>@</c> stands for the numbers of four experts.
/// </summary>
internal sealed record Family(string Main, IReadOnlyDictionary<string, int> Stacks, string Lines)
{
    public IEnumerable<KnownTensor> Known()
    {
        foreach (string[] cells in Lines.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(cells => cells.Length > 0))
        {
            TensorKind kind = Enum.Parse<TensorKind>(cells[0], ignoreCase: true);
            string component = cells.Length > 3
                ? cells[3]
                : cells[2].EndsWith(".weight", StringComparison.Ordinal)
                ? cells[2][..^7]
                : cells[2];
            foreach (string name in Experts(cells[2]))
            {
                if (cells[1] == "-")
                {
                    yield return new KnownTensor(name, kind, null, null, component);
                    continue;
                }

                for (int layer = 0; layer < Stacks[cells[1]]; layer++)
                {
                    yield return new KnownTensor(FormattableString.Invariant($"{cells[1]}.{layer}.{name}"),
                        kind, cells[1], layer, component);
                }
            }
        }
    }

    private static IEnumerable<string> Experts(string name) =>
        name.Contains('@', StringComparison.Ordinal)
            ? Enumerable.Range(0, 4).Select(e => name.Replace("@", $"{e}", StringComparison.Ordinal))
            : [name];
}

internal static class FamilyNames
{
    private const string LlamaLayer = """
        attention model.layers self_attn.q_proj.weight
        attention model.layers self_attn.k_proj.weight
        attention model.layers self_attn.v_proj.weight
        attention model.layers self_attn.o_proj.weight
        mlp model.layers mlp.gate_proj.weight
        mlp model.layers mlp.up_proj.weight
        mlp model.layers mlp.down_proj.weight
        norm model.layers input_layernorm.weight
        norm model.layers post_attention_layernorm.weight

        """;

    private const string LlamaOutside = """
        embedding - model.embed_tokens.weight
        norm - model.norm.weight
        head - lm_head.weight

        """;

    private const string ClipLayer = """
        attention model.layers self_attn.k_proj.weight
        attention model.layers self_attn.k_proj.bias
        attention model.layers self_attn.out_proj.weight
        norm model.layers layer_norm1.weight
        norm model.layers layer_norm1.bias
        norm model.layers layer_norm2.weight
        mlp model.layers mlp.fc1.weight
        mlp model.layers mlp.fc1.bias
        mlp model.layers mlp.fc2.weight

        """;

    private const string Gpt2Layer = """
        norm h ln_1.weight
        norm h ln_1.bias
        attention h attn.bias
        attention h attn.c_attn.weight
        attention h attn.c_attn.bias
        attention h attn.c_proj.weight
        norm h ln_2.weight
        mlp h mlp.c_fc.weight
        mlp h mlp.c_fc.bias
        mlp h mlp.c_proj.weight

        """;

    private const string BertLayer = """
        attention bert.encoder.layer attention.self.query.weight
        attention bert.encoder.layer attention.self.query.bias
        attention bert.encoder.layer attention.self.key.weight
        attention bert.encoder.layer attention.self.value.weight
        attention bert.encoder.layer attention.output.dense.weight
        attention bert.encoder.layer attention.output.dense.bias
        norm bert.encoder.layer attention.output.LayerNorm.weight
        norm bert.encoder.layer attention.output.LayerNorm.bias
        mlp bert.encoder.layer intermediate.dense.weight
        mlp bert.encoder.layer intermediate.dense.bias
        mlp bert.encoder.layer output.dense.weight
        mlp bert.encoder.layer output.dense.bias
        norm bert.encoder.layer output.LayerNorm.weight
        norm bert.encoder.layer output.LayerNorm.bias
        embedding - bert.embeddings.word_embeddings.weight
        embedding - bert.embeddings.position_embeddings.weight
        embedding - bert.embeddings.token_type_embeddings.weight
        embedding - bert.embeddings.LayerNorm.weight
        embedding - bert.embeddings.LayerNorm.bias
        other - bert.pooler.dense.weight

        """;

    public static IReadOnlyDictionary<string, Family> All { get; } = new Dictionary<string, Family>(StringComparer.Ordinal)
    {
        ["Llama"] = Of("model.layers=3", LlamaLayer + LlamaOutside + """
            attention model.layers self_attn.rotary_emb.inv_freq
            """),
        ["Llama as Meta publishes it"] = Of("layers=3", """
            attention layers attention.wq.weight
            attention layers attention.wo.weight
            mlp layers feed_forward.w1.weight
            mlp layers feed_forward.w2.weight
            norm layers attention_norm.weight
            norm layers ffn_norm.weight
            embedding - tok_embeddings.weight
            norm - norm.weight
            head - output.weight
            other - rope.freqs
            """),
        ["Mistral"] = Of("model.layers=12", LlamaLayer + LlamaOutside),
        ["Qwen2"] = Of("model.layers=3", LlamaLayer + LlamaOutside + """
            attention model.layers self_attn.q_proj.bias
            attention model.layers self_attn.k_proj.bias
            attention model.layers self_attn.v_proj.bias
            """),
        ["Qwen3"] = Of("model.layers=3", LlamaLayer + LlamaOutside + """
            norm model.layers self_attn.q_norm.weight
            norm model.layers self_attn.k_norm.weight
            """),
        ["Gemma 2"] = Of("model.layers=3", LlamaLayer + """
            norm model.layers pre_feedforward_layernorm.weight
            norm model.layers post_feedforward_layernorm.weight
            embedding - model.embed_tokens.weight
            norm - model.norm.weight
            """),
        ["Gemma 3, text"] = Of("model.layers=3", LlamaLayer + """
            norm model.layers pre_feedforward_layernorm.weight
            norm model.layers post_feedforward_layernorm.weight
            norm model.layers self_attn.q_norm.weight
            norm model.layers self_attn.k_norm.weight
            embedding - model.embed_tokens.weight
            norm - model.norm.weight
            """),
        ["Gemma 3, with images"] = Of("language_model.model.layers=3 vision_tower.vision_model.encoder.layers=9",
            In("language_model.model.layers", LlamaLayer) + In("vision_tower.vision_model.encoder.layers", ClipLayer) + """
            embedding - language_model.model.embed_tokens.weight
            norm - language_model.model.norm.weight
            embedding - vision_tower.vision_model.embeddings.patch_embedding.weight
            embedding - vision_tower.vision_model.embeddings.patch_embedding.bias
            embedding - vision_tower.vision_model.embeddings.position_embedding.weight
            norm - vision_tower.vision_model.post_layernorm.weight
            other - multi_modal_projector.mm_input_projection_weight
            norm - multi_modal_projector.mm_soft_emb_norm.weight
            """),
        ["Phi-1.5 and Phi-2"] = Of("model.layers=3", """
            norm model.layers input_layernorm.weight
            norm model.layers input_layernorm.bias
            attention model.layers self_attn.q_proj.weight
            attention model.layers self_attn.dense.weight
            attention model.layers self_attn.dense.bias
            mlp model.layers mlp.fc1.weight
            mlp model.layers mlp.fc2.bias
            embedding - model.embed_tokens.weight
            norm - model.final_layernorm.weight
            norm - model.final_layernorm.bias
            head - lm_head.weight
            head - lm_head.bias
            """),
        ["Phi-3"] = Of("model.layers=3", LlamaOutside + """
            attention model.layers self_attn.qkv_proj.weight
            attention model.layers self_attn.o_proj.weight
            mlp model.layers mlp.gate_up_proj.weight
            mlp model.layers mlp.down_proj.weight
            norm model.layers input_layernorm.weight
            norm model.layers post_attention_layernorm.weight
            """),
        ["Falcon"] = Of("transformer.h=3", """
            attention transformer.h self_attention.query_key_value.weight
            attention transformer.h self_attention.dense.weight
            mlp transformer.h mlp.dense_h_to_4h.weight
            mlp transformer.h mlp.dense_4h_to_h.weight
            norm transformer.h input_layernorm.weight
            norm transformer.h input_layernorm.bias
            norm transformer.h ln_attn.weight
            norm transformer.h ln_mlp.bias
            embedding - transformer.word_embeddings.weight
            norm - transformer.ln_f.weight
            norm - transformer.ln_f.bias
            head - lm_head.weight
            """),
        ["GPT-NeoX"] = Of("gpt_neox.layers=3", """
            attention gpt_neox.layers attention.bias
            attention gpt_neox.layers attention.masked_bias
            attention gpt_neox.layers attention.rotary_emb.inv_freq
            attention gpt_neox.layers attention.query_key_value.weight
            attention gpt_neox.layers attention.query_key_value.bias
            attention gpt_neox.layers attention.dense.weight
            mlp gpt_neox.layers mlp.dense_h_to_4h.weight
            mlp gpt_neox.layers mlp.dense_4h_to_h.bias
            norm gpt_neox.layers input_layernorm.weight
            norm gpt_neox.layers post_attention_layernorm.bias
            embedding - gpt_neox.embed_in.weight
            norm - gpt_neox.final_layer_norm.weight
            norm - gpt_neox.final_layer_norm.bias
            head - embed_out.weight
            """),
        ["GPT-2"] = Of("h=12", Gpt2Layer + """
            embedding - wte.weight
            embedding - wpe.weight
            norm - ln_f.weight
            norm - ln_f.bias
            """),
        ["GPT-2 with a prefix"] = Of("transformer.h=12", In("transformer.h", Gpt2Layer, "h") + """
            attention transformer.h attn.masked_bias
            embedding - transformer.wte.weight
            embedding - transformer.wpe.weight
            norm - transformer.ln_f.weight
            norm - transformer.ln_f.bias
            head - lm_head.weight
            """),
        ["GPT-J"] = Of("transformer.h=3", """
            norm transformer.h ln_1.weight
            norm transformer.h ln_1.bias
            attention transformer.h attn.bias
            attention transformer.h attn.masked_bias
            attention transformer.h attn.q_proj.weight
            attention transformer.h attn.out_proj.weight
            mlp transformer.h mlp.fc_in.weight
            mlp transformer.h mlp.fc_out.bias
            embedding - transformer.wte.weight
            norm - transformer.ln_f.weight
            head - lm_head.weight
            head - lm_head.bias
            """),
        ["OPT"] = Of("model.decoder.layers=3", """
            attention model.decoder.layers self_attn.k_proj.weight
            attention model.decoder.layers self_attn.out_proj.bias
            norm model.decoder.layers self_attn_layer_norm.weight
            norm model.decoder.layers self_attn_layer_norm.bias
            norm model.decoder.layers final_layer_norm.weight
            norm model.decoder.layers final_layer_norm.bias
            mlp model.decoder.layers fc1.weight
            mlp model.decoder.layers fc1.bias
            mlp model.decoder.layers fc2.weight
            embedding - model.decoder.embed_tokens.weight
            embedding - model.decoder.embed_positions.weight
            norm - model.decoder.final_layer_norm.weight
            norm - model.decoder.final_layer_norm.bias
            other - model.decoder.project_in.weight
            head - lm_head.weight
            """),
        ["Bloom"] = Of("h=3", """
            norm h input_layernorm.weight
            attention h self_attention.query_key_value.weight
            attention h self_attention.dense.weight
            attention h self_attention.dense.bias
            norm h post_attention_layernorm.weight
            mlp h mlp.dense_h_to_4h.weight
            mlp h mlp.dense_4h_to_h.bias
            embedding - word_embeddings.weight
            embedding - word_embeddings_layernorm.weight
            embedding - word_embeddings_layernorm.bias
            norm - ln_f.weight
            norm - ln_f.bias
            """),
        ["BERT"] = Of("bert.encoder.layer=3", BertLayer + """
            embedding - bert.embeddings.position_ids
            head - cls.predictions.bias
            head - cls.predictions.transform.dense.weight
            head - cls.predictions.transform.LayerNorm.weight
            head - cls.predictions.decoder.weight
            head - cls.seq_relationship.weight
            """),
        ["BERT with the names of TensorFlow"] = Of("bert.encoder.layer=3", """
            attention bert.encoder.layer attention.self.query.weight
            norm bert.encoder.layer attention.output.LayerNorm.gamma
            norm bert.encoder.layer attention.output.LayerNorm.beta
            mlp bert.encoder.layer output.dense.weight
            norm bert.encoder.layer output.LayerNorm.gamma
            norm bert.encoder.layer output.LayerNorm.beta
            embedding - bert.embeddings.LayerNorm.gamma
            embedding - bert.embeddings.LayerNorm.beta
            head - cls.predictions.transform.LayerNorm.gamma
            """),
        ["XLM-R"] = Of("roberta.encoder.layer=3", BertLayer.Replace("bert.", "roberta.", StringComparison.Ordinal) + """
            head - lm_head.dense.weight
            head - lm_head.layer_norm.weight
            head - lm_head.layer_norm.bias
            head - lm_head.decoder.weight
            head - lm_head.bias
            """),
        ["XLM-R, classifier"] = Of("roberta.encoder.layer=3", BertLayer.Replace("bert.", "roberta.", StringComparison.Ordinal) + """
            head - classifier.dense.weight
            head - classifier.out_proj.weight
            head - classifier.out_proj.bias
            """),
        ["Sentence transformer"] = Of("0.auto_model.encoder.layer=3",
            BertLayer.Replace("bert.", "0.auto_model.", StringComparison.Ordinal)),
        ["T5"] = Of("decoder.block=3 encoder.block=3", """
            attention encoder.block layer.0.SelfAttention.q.weight
            attention encoder.block layer.0.SelfAttention.o.weight
            attention encoder.block layer.0.SelfAttention.relative_attention_bias.weight
            norm encoder.block layer.0.layer_norm.weight
            mlp encoder.block layer.1.DenseReluDense.wi.weight
            mlp encoder.block layer.1.DenseReluDense.wo.weight
            norm encoder.block layer.1.layer_norm.weight
            attention decoder.block layer.0.SelfAttention.q.weight
            attention decoder.block layer.0.SelfAttention.o.weight
            attention decoder.block layer.0.SelfAttention.relative_attention_bias.weight
            norm decoder.block layer.0.layer_norm.weight
            attention decoder.block layer.1.EncDecAttention.q.weight
            attention decoder.block layer.1.EncDecAttention.o.weight
            norm decoder.block layer.1.layer_norm.weight
            mlp decoder.block layer.2.DenseReluDense.wi_0.weight
            mlp decoder.block layer.2.DenseReluDense.wi_1.weight
            mlp decoder.block layer.2.DenseReluDense.wo.weight
            norm decoder.block layer.2.layer_norm.weight
            embedding - shared.weight
            embedding - encoder.embed_tokens.weight
            embedding - decoder.embed_tokens.weight
            norm - encoder.final_layer_norm.weight
            norm - decoder.final_layer_norm.weight
            head - lm_head.weight
            """),
        ["LLaVA"] = Of("language_model.model.layers=3 vision_tower.vision_model.encoder.layers=9",
            In("language_model.model.layers", LlamaLayer) + In("vision_tower.vision_model.encoder.layers", ClipLayer) + """
            embedding - language_model.model.embed_tokens.weight
            norm - language_model.model.norm.weight
            head - language_model.lm_head.weight
            embedding - vision_tower.vision_model.embeddings.class_embedding
            embedding - vision_tower.vision_model.embeddings.patch_embedding.weight
            norm - vision_tower.vision_model.pre_layrnorm.weight
            norm - vision_tower.vision_model.post_layernorm.bias
            other - multi_modal_projector.linear_1.weight
            other - multi_modal_projector.linear_2.bias
            other - image_newline
            """),
        ["LLaVA, newer names"] = Of("model.language_model.layers=3 model.vision_tower.vision_model.encoder.layers=9",
            In("model.language_model.layers", LlamaLayer) + In("model.vision_tower.vision_model.encoder.layers", ClipLayer) + """
            embedding - model.language_model.embed_tokens.weight
            norm - model.language_model.norm.weight
            head - lm_head.weight
            embedding - model.vision_tower.vision_model.embeddings.position_embedding.weight
            norm - model.vision_tower.vision_model.pre_layrnorm.weight
            other - model.multi_modal_projector.linear_1.weight
            other - model.image_newline
            """),
        ["Qwen2-VL"] = Of("model.layers=3 visual.blocks=9", LlamaLayer + LlamaOutside + """
            attention visual.blocks attn.qkv.weight
            attention visual.blocks attn.proj.bias
            norm visual.blocks norm1.weight
            norm visual.blocks norm2.bias
            mlp visual.blocks mlp.fc1.weight
            mlp visual.blocks mlp.fc2.bias
            embedding - visual.patch_embed.proj.weight
            norm - visual.merger.ln_q.weight
            other - visual.merger.mlp.0.weight
            other - visual.merger.mlp.0.bias
            other - visual.merger.mlp.2.weight
            other - visual.merger.mlp.2.bias
            """),
        ["InternVL"] = Of("language_model.model.layers=3 vision_model.encoder.layers=9", """
            attention language_model.model.layers attention.wqkv.weight
            attention language_model.model.layers attention.wo.weight
            mlp language_model.model.layers feed_forward.w1.weight
            mlp language_model.model.layers feed_forward.w2.weight
            norm language_model.model.layers attention_norm.weight
            norm language_model.model.layers ffn_norm.weight
            embedding - language_model.model.tok_embeddings.weight
            norm - language_model.model.norm.weight
            head - language_model.output.weight
            attention vision_model.encoder.layers attn.qkv.weight
            attention vision_model.encoder.layers attn.proj.bias
            other vision_model.encoder.layers ls1
            other vision_model.encoder.layers ls2
            mlp vision_model.encoder.layers mlp.fc1.weight
            norm vision_model.encoder.layers norm1.weight
            norm vision_model.encoder.layers norm2.bias
            embedding - vision_model.embeddings.class_embedding
            embedding - vision_model.embeddings.position_embedding
            other - mlp1.0.weight
            other - mlp1.0.bias
            other - mlp1.1.weight
            other - mlp1.1.bias
            other - mlp1.3.weight
            other - mlp1.3.bias
            """),
        ["CLIP"] = Of("text_model.encoder.layers=2 vision_model.encoder.layers=4",
            In("text_model.encoder.layers", ClipLayer) + In("vision_model.encoder.layers", ClipLayer) + """
            embedding - text_model.embeddings.token_embedding.weight
            norm - text_model.final_layer_norm.weight
            other - logit_scale
            other - text_projection.weight
            """),
        ["Mixtral"] = Of("model.layers=3", LlamaOutside + """
            attention model.layers self_attn.q_proj.weight
            mlp model.layers block_sparse_moe.gate.weight
            mlp model.layers block_sparse_moe.experts.@.w1.weight block_sparse_moe.experts.*.w1
            mlp model.layers block_sparse_moe.experts.@.w2.weight block_sparse_moe.experts.*.w2
            mlp model.layers block_sparse_moe.experts.@.w3.weight block_sparse_moe.experts.*.w3
            norm model.layers input_layernorm.weight
            norm model.layers post_attention_layernorm.weight
            """),
        ["Qwen-MoE"] = Of("model.layers=3", LlamaOutside + """
            attention model.layers self_attn.q_proj.bias
            mlp model.layers mlp.gate.weight
            mlp model.layers mlp.experts.@.gate_proj.weight mlp.experts.*.gate_proj
            mlp model.layers mlp.experts.@.down_proj.weight mlp.experts.*.down_proj
            mlp model.layers mlp.shared_expert.gate_proj.weight
            mlp model.layers mlp.shared_expert_gate.weight
            norm model.layers input_layernorm.weight
            """),
        ["DeepSeek"] = Of("model.layers=3", LlamaOutside + """
            attention model.layers self_attn.q_a_proj.weight
            norm model.layers self_attn.q_a_layernorm.weight
            attention model.layers self_attn.kv_a_proj_with_mqa.weight
            norm model.layers self_attn.kv_a_layernorm.weight
            attention model.layers self_attn.o_proj.weight_scale_inv
            mlp model.layers mlp.gate.weight
            mlp model.layers mlp.gate.e_score_correction_bias
            mlp model.layers mlp.experts.@.up_proj.weight mlp.experts.*.up_proj
            mlp model.layers mlp.experts.@.up_proj.weight_scale_inv mlp.experts.*.up_proj.weight_scale_inv
            mlp model.layers mlp.shared_experts.up_proj.weight
            norm model.layers post_attention_layernorm.weight
            """),
        ["gpt-oss"] = Of("model.layers=3", LlamaOutside + """
            attention model.layers self_attn.q_proj.bias
            attention model.layers self_attn.sinks
            mlp model.layers mlp.router.weight
            mlp model.layers mlp.router.bias
            mlp model.layers mlp.experts.gate_up_proj_blocks
            mlp model.layers mlp.experts.down_proj_bias
            norm model.layers input_layernorm.weight
            """),
    };

    /// <summary>The first stack named is the main one.</summary>
    private static Family Of(string stacks, string lines)
    {
        string[][] pairs = [.. stacks.Split(' ').Select(s => s.Split('='))];
        return new Family(
            pairs[0][0],
            pairs.ToDictionary(p => p[0], p => int.Parse(p[1], System.Globalization.CultureInfo.InvariantCulture), StringComparer.Ordinal),
            lines);
    }

    private static string In(string stack, string lines, string from = "model.layers") =>
        lines.Replace($" {from} ", $" {stack} ", StringComparison.Ordinal);
}
