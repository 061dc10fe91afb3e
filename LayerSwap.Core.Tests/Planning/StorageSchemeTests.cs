using LayerSwap.Checkpoints;

namespace LayerSwap.Tests.Planning;

/// <summary>Quantised weights and adapter factors are recognised by names and dtypes, and merges that would compute with them are
/// refused.</summary>
public sealed class StorageSchemeTests
{
    private static readonly string[] Adapters =
    [
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", "model.layers.0.q.lora_B.default.weight",
        "base_model.model.model.embed_tokens.lora_embedding_A", "x.lora_magnitude_vector", "lora_unet_down.lora_up.weight",
        "lora_te1_x.hada_w1_a", "lycoris_x.lokr_w1", "x.oft_R.default", "x.ia3_l.default", "x.vera_lambda_b", "x.dora_scale",
        "model.layers.0.q_proj.lora_a", "l.0.q.bone_block", "l.0.q.shira_weight", "embed.trainable_tokens_delta",
        "l.0.q.c3a_kernel", "l.0.q.road_theta", "l.0.q.waveft_spectrum", "l.0.q.randlora_lambda", "prompt_embeddings",
        "unet.to_q.lora.down.weight", "l.0.adapter_up.weight",
    ];

    private static readonly string[] Plain =
    [
        "model.layers.0.self_attn.q_proj.weight", "logit_scale", "model.layers.0.layer_scale", "rwkv.blocks.0.attention.time_mix_key",
        "model.layers.0.block_sparse_moe.experts.0.w1.weight", "encoder.flora.weight", "soft.weight",
        "model.layers.0.mlp.experts.gate_up_proj", "model.norm.scale",
    ];

    public static TheoryData<string, string, string[]> Schemes => new()
    {
        { "FP8 of DeepSeek and Qwen", "FP8", ["l.0.q.weight F8_E4M3", "l.0.q.weight_scale_inv F32"] },
        { "FP8 of compressed-tensors", "FP8", ["l.0.q.weight F8_E4M3", "l.0.q.weight_scale BF16", "l.0.q.input_scale F32"] },
        { "FP8 of fused experts", "FP8", ["l.0.mlp.experts.gate_up_proj F8_E4M3", "l.0.mlp.experts.gate_up_proj_scale_inv F32"] },
        { "FP8 under another name", "FP8", ["l.0.q.weight F8_E5M2", "l.0.q.scale F32"] },
        { "MXFP4 of gpt-oss", "MXFP4", ["l.0.mlp.experts.gate_up_proj_blocks U8", "l.0.mlp.experts.gate_up_proj_scales U8"] },
        { "NVFP4", "scales", ["l.0.q.weight U8", "l.0.q.weight_scale F8_E4M3", "l.0.q.weight_scale_2 F32"] },
        { "GPTQ", "GPTQ", ["l.0.q.qweight I32", "l.0.q.qzeros I32", "l.0.q.scales F16", "l.0.q.g_idx I32"] },
        { "AWQ", "AWQ", ["l.0.q.qweight I32", "l.0.q.qzeros I32", "l.0.q.scales F16"] },
        { "bitsandbytes, 4 bits", "bitsandbytes 4-bit",
            ["l.0.q.weight U8", "l.0.q.weight.absmax U8", "l.0.q.weight.quant_map F32", "l.0.q.weight.quant_state.bitsandbytes__nf4 U8"] },
        { "bitsandbytes, 8 bits", "bitsandbytes 8-bit", ["l.0.q.weight I8", "l.0.q.SCB F32"] },
        { "compressed-tensors, packed", "compressed-tensors",
            ["l.0.q.weight_packed I32", "l.0.q.weight_scale BF16", "l.0.q.weight_shape I64"] },
        { "quanto", "scales", ["l.0.q.weight._data I8", "l.0.q.weight._scale BF16"] },
        { "EXL3", "scales", ["l.0.q.trellis I16", "l.0.q.suh F16", "l.0.q.svh F16"] },
        { "QuIP#", "scales", ["l.0.q.Qidxs I16", "l.0.q.SU F16", "l.0.q.SV F16", "l.0.q.Wscale F32"] },
        { "FP8 of TensorRT-LLM", "FP8",
            ["l.0.q.weight F8_E4M3", "l.0.q.weights_scaling_factor F32", "l.0.q.activation_scaling_factor F32"] },
        { "FP8 under a name of its own", "FP8", ["l.0.q.weight F8_E4M3", "l.0.q.weight.whatever F32"] },
        { "HQQ", "scales", ["l.0.q.W_q U8", "l.0.q.scale F16", "l.0.q.zero F16"] },
    };

    [Fact]
    public void Adapters_are_recognised_by_their_factors()
    {
        Assert.All(Adapters, n => Assert.NotNull(StorageScheme.Detect(Model("m", [n + " F32"])).Adapter));
        Assert.All(Plain, n => Assert.True(StorageScheme.Detect(Model("m", [n + " F32"])) is { Adapter: null, Quantization: null }, n));
        Assert.All(Plain, n => Assert.True(StorageScheme.Detect(Model("m", [n + " F8_E4M3"])) is { Adapter: null, Quantization: null }, n));
    }

    [Theory]
    [MemberData(nameof(Schemes))]
    public void Quantised_groups_are_copied_whole_only(string what, string named, string[] tensors)
    {
        string[] second = [.. tensors.Select(t => t.Replace("l.0.", "l.1.", StringComparison.Ordinal))];
        ICheckpoint a = Model("a", [.. tensors, .. second, "l.0.norm.weight BF16", "l.1.norm.weight BF16"]),
            b = Model("b", [.. tensors, .. second, "l.0.norm.weight BF16", "l.1.norm.weight BF16"]);

        StorageScheme scheme = StorageScheme.Detect(a);
        Assert.Contains(named, scheme.Quantization!, StringComparison.Ordinal);
        Assert.Equal(tensors.Concat(second).Select(t => t.Split(' ')[0]).Order(StringComparer.Ordinal),
            scheme.Groups.SelectMany(g => g.Tensors).Order(StringComparer.Ordinal));

        foreach (Func<MergePlan> refused in (Func<MergePlan>[])
        [
            () => Merge.Soup(a, b).Plan(), () => Merge.Onto(a).With(b).TaskArithmetic().Plan(),
            () => Merge.LayerSwap(a, b, new LayerSwapOptions { Bottom = 0, Top = 0, TransitionBottom = 1, TransitionTop = 0 }).Plan(),
            () => Merge.Onto(a).Swap(Layers.Named(tensors[0].Split(' ')[0]), b).Plan(),
            () => Merge.Onto(a).Swap(Layers.Named(tensors[1].Split(' ')[0]), b).Plan(),
        ])
        {
            MergeException error = Assert.Throws<MergeException>(refused);
            Assert.True(error.Message.Contains("quantised", StringComparison.Ordinal), $"{what}: {error.Message}");
            Assert.Contains("Remedy: ", error.Message, StringComparison.Ordinal);
        }

        // Whole layers are exact.
        MergePlan plan = Merge.Onto(a).Swap(Layers.At(1), b).Plan();
        Assert.All(plan.Tensors, t => Assert.Equal(PlannedOperation.Take, t.Operation));
        Assert.Throws<MergeException>(() => LayerDiff.From(a).To(b).RunAsync().GetAwaiter().GetResult());
        // A cast would leave the scales behind.
        if (tensors[0].Contains("F8_", StringComparison.Ordinal))
        {
            Assert.Contains("cannot be converted",
                Assert.Throws<MergeException>(() => Merge.Onto(a).As(DType.BFloat16).Plan()).Message, StringComparison.Ordinal);
        }

        MergeException mixed =
            Assert.Throws<MergeException>(() => Merge.Soup(a,
                Model("c", ["l.0.q.weight BF16", "l.1.q.weight BF16", "l.0.norm.weight BF16", "l.1.norm.weight BF16"])).Plan());
        Assert.Contains("is quantised", mixed.Message, StringComparison.Ordinal);
    }

    private static ICheckpoint Model(string name, string[] tensors) => Checkpoint.InMemory(name, tensors.Select(t =>
    {
        string[] parts = t.Split(' ');
        DType dtype = DTypes.All.Single(d => d.Code() == parts[1]);
        TensorInfo info = new(parts[0], dtype, new TensorShape(4));
        return (info, (ReadOnlyMemory<byte>)new byte[info.ByteLength]);
    }));
}
