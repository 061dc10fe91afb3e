using System.Buffers;
using System.Text.RegularExpressions;
using LayerSwap.Checkpoints;

namespace LayerSwap.Checkpoints;

/// <summary>Tensors whose stored numbers are not the weights: a quantised weight with its scales, which mean nothing one without the other.</summary>
/// <param name="Module">The module that they belong to.</param>
/// <param name="Tensors">Their names; at least two.</param>
internal sealed record QuantizedGroup(string Module, IReadOnlyList<string> Tensors);

/// <summary>
/// How a checkpoint stores its weights, told from names and dtypes: as they are; quantised, in groups of packed or scaled numbers and what unpacks them; or as the factors of an adapter. What is
/// computed with the numbers of the last two as if they were weights is wrong.
/// </summary>
internal sealed partial class StorageScheme
{
    private const string WeightPart = ".weight";

    private static readonly SearchValues<string> AdapterWords =
        SearchValues.Create(["lora", "dora", "hada", "lokr", "oft", "ia3", "vera", "hra_", "vblora", "fourierft", "adaption", "bone_", "miss_", "shira", "trainable_tokens", "c3a_", "road_", "waveft", "randlora", "prompt_embeddings", "prompt_encoder", "ln_tuning", "adapter_", "rotate_layer"], StringComparison.Ordinal);

    private StorageScheme(IReadOnlyList<QuantizedGroup> groups, string? quantization, string? adapter)
    {
        Groups = groups;
        Quantization = quantization;
        Adapter = adapter;
    }

    /// <summary>The quantised groups; empty for a model that stores its weights as they are.</summary>
    public IReadOnlyList<QuantizedGroup> Groups { get; }

    /// <summary>What the quantisation is called, for people; null for none.</summary>
    public string? Quantization { get; }

    /// <summary>What the adapter is called, for people; null if it is none.</summary>
    public string? Adapter { get; }

    /// <exception cref="CheckpointException">The config.json cannot be read.</exception>
    public static StorageScheme Of(ICheckpoint checkpoint)
    {
        // Most models have no such dtype, and some a million tensors.
        bool packed = checkpoint.Tensors.Any(t => IsPacked(t.DType)), said = packed && ModelConfig.TryRead(checkpoint)?.QuantizationMethod is not null;
        QuantizedGroup[] groups = !packed ? [] : [.. checkpoint.Tensors.GroupBy(t => ModuleOf(t.Name), StringComparer.Ordinal).Select(g => Group(g, said)).OfType<QuantizedGroup>()];
        return new StorageScheme(groups, groups.Length == 0 ? null : NameOf(checkpoint, groups), AdapterOf(checkpoint));
    }

    /// <summary>The module of a tensor: its name without the last part, and without what follows <c>.weight</c>.</summary>
    private static string ModuleOf(string name)
    {
        int weight = name.IndexOf(WeightPart + ".", StringComparison.Ordinal), last = name.LastIndexOf('.');
        return weight >= 0 ? name[..weight] : last < 0 ? "" : name[..last];
    }

    /// <param name="module">The tensors of a module.</param>
    /// <param name="said">Whether the configuration says that the model is quantised: then FP8 alone is, too.</param>
    private static QuantizedGroup? Group(IGrouping<string, TensorInfo> module, bool said)
    {
        List<TensorInfo> payload = [], helpers = [], others = [];
        foreach (TensorInfo tensor in module)
        {
            string tail = tensor.Name[module.Key.Length..];
            bool helps = Helper().IsMatch(tail);
            if (helps)
            {
                helpers.Add(tensor);
            }
            else if (!IsPacked(tensor.DType) && !Plain().IsMatch(tail))
            {
                others.Add(tensor);
            }

            if (IsPacked(tensor.DType) && (!helps || PackedWord().IsMatch(tail)) && !Buffer().IsMatch(tail))
            {
                payload.Add(tensor);
            }
        }

        // What else a module of packed numbers has, under whatever name, belongs to them: scales have many names.
        if (module.Key.Length > 0 && payload.Any(t => t.Shape.Rank > 1 || t.Name.Contains(WeightPart, StringComparison.Ordinal)))
        {
            helpers.AddRange(others);
        }

        return payload.Count > 0 && (helpers.Except(payload).Any() || (said && payload.Any(t => IsFloat8(t.DType)))) ? new QuantizedGroup(module.Key, [.. payload.Union(helpers).Select(t => t.Name)]) : null;
    }

    /// <summary>A dtype that weights have only if they stand for others: whole numbers, and floats of 8 bits and fewer.</summary>
    private static bool IsPacked(DType dtype) => dtype is DType.UInt8 or DType.Int8 or DType.Int16 or DType.UInt16 or DType.Int32 or DType.UInt32 || IsFloat8(dtype) || dtype.Bits() < 8;

    private static bool IsFloat8(DType dtype) => dtype is DType.Float8E4M3 or DType.Float8E5M2 or DType.Float8E8M0 or DType.Float8E4M3Fnuz or DType.Float8E5M2Fnuz;

    private static string NameOf(ICheckpoint checkpoint, QuantizedGroup[] groups)
    {
        string? method = ModelConfig.TryRead(checkpoint)?.QuantizationMethod;
        bool Any(string word) => groups.Any(g => g.Tensors.Any(t => t.Contains(word, StringComparison.Ordinal)));
        string shape = Any("quant_state") ? "bitsandbytes 4-bit" : Any(".SCB") ? "bitsandbytes 8-bit" : Any("_blocks") ? "MXFP4" : Any("qweight") ? "packed integers, as GPTQ and AWQ have them" : Any("weight_packed") ? "packed integers, as compressed-tensors has them"
            : groups.Any(g => g.Tensors.Any(t => IsFloat8(checkpoint.Find(t)!.DType))) ? "FP8 with scales" : "packed numbers with scales";
        return method is null ? shape : $"{Printable.Escape(method)}: {shape}";
    }

    private static string? AdapterOf(ICheckpoint checkpoint)
    {
        // Beside a model's own weights an adapter is another thing.
        if (checkpoint.Files is [{ } file] && Path.GetFileName(file.Path).StartsWith("adapter_model", StringComparison.Ordinal))
        {
            return ModelConfig.TryReadFile(checkpoint, "adapter_config.json")?.Root["peft_type"] is System.Text.Json.Nodes.JsonValue type && type.TryGetValue(out string? name) ? Printable.Escape(name) : "adapter_model";
        }

        foreach (TensorInfo tensor in checkpoint.Tensors)
        {
            if (tensor.Name.AsSpan().ContainsAny(AdapterWords) && AdapterFactor().Match(tensor.Name) is { Success: true } factor)
            {
                return factor.Groups["lora"].Success ? "LoRA" : factor.Groups["word"].Value;
            }
        }

        return null;
    }

    [GeneratedRegex(@"(^|[._])(scales?|scale\d*|scaling|[a-z]*scaling_factor|wscale|qscale|descale|scaler|multiplier|sf|step_size|amax|absmax|q?zeros?|zp|quant|codebooks?|codes|SCB|idx|perm|lut|shape|format|packed|blocks|meta|qweight|centroids|trellis|suh|svh|SU|SV|Wscale|tlut)([._]|$)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Helper();

    /// <summary>Parameters of a module that its weight does not need.</summary>
    [GeneratedRegex(@"^\.?(weight|bias|gamma|beta|[A-Za-z0-9_]*norm[A-Za-z0-9_]*|.*_proj|running_mean|running_var|.*_bias|A_log|D|inv_freq|sinks)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Plain();

    /// <summary>Whole numbers that are not weights.</summary>
    [GeneratedRegex(@"^\.?(bias|masked_bias|mask|attn_mask|position_ids|token_type_ids|relative_position_index|num_batches_tracked|.*_index|.*_ids)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Buffer();

    [GeneratedRegex(@"(^|[._])(packed|blocks|qweight|codes|trellis|Qidxs|B)([._]|$)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PackedWord();

    [GeneratedRegex(@"(^|[._])(?<word>(?<lora>lora_(embedding_)?[abAB]|lora\.(up|down|mid)|lora_magnitude_vector|lora_(up|down|mid)|dora_scale)|hada_w[12]_[ab]|hada_t[12]|lokr_w[12](_[ab])?|oft_[rR]|oft_blocks|boft_[RS]|ia3_l|vera_lambda_[bd]|hra_u|vblora_[a-z_]+|fourierft_spectrum|adaption_prompt|bone_block|miss_block|shira_weight|trainable_tokens_(delta|original)|c3a_kernel|road_(theta|alpha)|waveft_spectrum|randlora_[a-zA-Z]+|prompt_embeddings|ln_tuning_layers|adapter_(down|up)|rotate_layer)([._]|$)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AdapterFactor();
}
