using System.Buffers;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LayerSwap.Checkpoints;

/// <summary>A quantised weight with its scales. They are only valid together.</summary>
/// <param name="Module">The name of the module.</param>
/// <param name="Tensors">The names of the tensors.</param>
internal sealed record QuantizedGroup(string Module, IReadOnlyList<string> Tensors);

/// <summary>
/// How a checkpoint stores its weights, detected from names and dtypes: plain, quantised (packed or scaled numbers with their scales), or
/// as adapter factors. Stored numbers of the last two are not weights, and must not be computed with.
/// </summary>
internal sealed partial class StorageScheme
{
    private const string WeightPart = ".weight";

    /// <summary>A fast filter before the regular expression.</summary>
    private static readonly SearchValues<string> AdapterWords =
        SearchValues.Create(
            [
                "lora", "dora", "hada", "lokr", "oft", "ia3", "vera", "hra_", "vblora", "fourierft", "adaption", "bone_", "miss_", "shira",
                "trainable_tokens", "c3a_", "road_", "waveft", "randlora", "prompt_embeddings", "prompt_encoder", "ln_tuning", "adapter_",
                "rotate_layer",
            ],
            StringComparison.Ordinal);

    private StorageScheme(IReadOnlyList<QuantizedGroup> groups, string? quantization, string? adapter)
    {
        Groups = groups;
        Quantization = quantization;
        Adapter = adapter;
    }

    /// <summary>The quantised groups; empty for plain weights.</summary>
    public IReadOnlyList<QuantizedGroup> Groups { get; }

    /// <summary>The quantisation, for display; null if there is none.</summary>
    public string? Quantization { get; }

    /// <summary>The kind of adapter, for display; null if it is not an adapter.</summary>
    public string? Adapter { get; }

    /// <exception cref="CheckpointException">The config.json cannot be read.</exception>
    public static StorageScheme Detect(ICheckpoint checkpoint)
    {
        // Check the dtypes first, and group only if needed: a model may have a million tensors.
        QuantizedGroup[] groups = checkpoint.Tensors.Any(t => IsPacked(t.DType)) ? FindGroups(checkpoint) : [];
        return new StorageScheme(groups, groups.Length == 0 ? null : DescribeQuantization(checkpoint, groups), DetectAdapter(checkpoint));
    }

    private static QuantizedGroup[] FindGroups(ICheckpoint checkpoint)
    {
        bool declared = ModelConfig.TryRead(checkpoint)?.QuantizationMethod is not null;
        return
        [
            .. checkpoint.Tensors
                .GroupBy(t => ModuleOf(t.Name), StringComparer.Ordinal)
                .Select(module => FindGroup(module, declared))
                .OfType<QuantizedGroup>(),
        ];
    }

    /// <summary>Finds the module of a tensor: its name up to <c>.weight.</c>, or else without the last part.</summary>
    private static string ModuleOf(string name)
    {
        int weight = name.IndexOf(WeightPart + ".", StringComparison.Ordinal), last = name.LastIndexOf('.');
        return weight >= 0 ? name[..weight] : last < 0 ? "" : name[..last];
    }

    /// <summary>Finds the quantised weight of a module and its scales.</summary>
    /// <param name="module">The tensors of a module.</param>
    /// <param name="declared">Whether config.json declares a quantisation: then an FP8 tensor without scales is quantised too.</param>
    private static QuantizedGroup? FindGroup(IGrouping<string, TensorInfo> module, bool declared)
    {
        List<TensorInfo> payload = [], helpers = [], unknown = [];
        foreach (TensorInfo tensor in module)
        {
            string suffix = tensor.Name[module.Key.Length..];
            bool isHelper = HelperName().IsMatch(suffix);
            if (isHelper)
            {
                helpers.Add(tensor);
            }
            else if (!IsPacked(tensor.DType) && !ParameterName().IsMatch(suffix))
            {
                unknown.Add(tensor);
            }

            if (IsPacked(tensor.DType) && (!isHelper || PackedName().IsMatch(suffix)) && !BufferName().IsMatch(suffix))
            {
                payload.Add(tensor);
            }
        }

        // Scales have many names: in a module with packed weights, count tensors of unknown name as helpers.
        if (module.Key.Length > 0 && payload.Any(t => t.Shape.Rank > 1 || t.Name.Contains(WeightPart, StringComparison.Ordinal)))
        {
            helpers.AddRange(unknown);
        }

        bool quantized = payload.Count > 0 && (helpers.Except(payload).Any() || (declared && payload.Any(t => IsFloat8(t.DType))));
        return quantized ? new QuantizedGroup(module.Key, [.. payload.Union(helpers).Select(t => t.Name)]) : null;
    }

    /// <summary>Whether weights of a dtype are quantised: integers, and floats of 8 bits or fewer.</summary>
    private static bool IsPacked(DType dtype) =>
        dtype is DType.UInt8 or DType.Int8 or DType.Int16 or DType.UInt16 or DType.Int32 or DType.UInt32
        || IsFloat8(dtype) || dtype.Bits() < 8;

    private static bool IsFloat8(DType dtype) =>
        dtype is DType.Float8E4M3 or DType.Float8E5M2 or DType.Float8E8M0 or DType.Float8E4M3Fnuz or DType.Float8E5M2Fnuz;

    private static string DescribeQuantization(ICheckpoint checkpoint, QuantizedGroup[] groups)
    {
        string? method = ModelConfig.TryRead(checkpoint)?.QuantizationMethod;
        string storage = Any("quant_state") ? "bitsandbytes 4-bit"
            : Any(".SCB") ? "bitsandbytes 8-bit"
            : Any("_blocks") ? "MXFP4"
            : Any("qweight") ? "packed integers (GPTQ or AWQ)"
            : Any("weight_packed") ? "packed integers (compressed-tensors)"
            : groups.Any(g => g.Tensors.Any(t => IsFloat8(checkpoint.Find(t)!.DType))) ? "FP8 with scales"
            : "packed numbers with scales";
        return method is null ? storage : $"{Printable.Escape(method)}: {storage}";

        bool Any(string word) => groups.Any(g => g.Tensors.Any(t => t.Contains(word, StringComparison.Ordinal)));
    }

    private static string? DetectAdapter(ICheckpoint checkpoint)
    {
        if (checkpoint.Files is [{ } file] && Path.GetFileName(file.Path).StartsWith("adapter_model", StringComparison.Ordinal))
        {
            JsonNode? type = ModelConfig.TryReadFile(checkpoint, "adapter_config.json")?.Root["peft_type"];
            return type is JsonValue value && value.TryGetValue(out string? name) ? Printable.Escape(name) : "adapter_model";
        }

        foreach (TensorInfo tensor in checkpoint.Tensors)
        {
            if (tensor.Name.AsSpan().ContainsAny(AdapterWords) && AdapterFactorName().Match(tensor.Name) is { Success: true } factor)
            {
                return factor.Groups["lora"].Success ? "LoRA" : factor.Groups["word"].Value;
            }
        }

        return null;
    }

    /// <summary>Matches scales, zero points, codebooks and other tensors that a quantised weight needs.</summary>
    [GeneratedRegex(
        @"(^|[._])(scales?|scale\d*|scaling|[a-z]*scaling_factor|wscale|qscale|descale|scaler|multiplier|sf|step_size|"
            + @"amax|absmax|q?zeros?|zp|quant|codebooks?|codes|SCB|idx|perm|lut|shape|format|packed|blocks|meta|qweight|"
            + @"centroids|trellis|suh|svh|SU|SV|Wscale|tlut)([._]|$)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex HelperName();

    /// <summary>Matches parameters of a module that are not scales of its weight.</summary>
    [GeneratedRegex(
        @"^\.?(weight|bias|gamma|beta|[A-Za-z0-9_]*norm[A-Za-z0-9_]*|.*_proj|running_mean|running_var|.*_bias|A_log|D|"
            + @"inv_freq|sinks)$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex ParameterName();

    /// <summary>Matches integer buffers, which are not weights.</summary>
    [GeneratedRegex(
        @"^\.?(bias|masked_bias|mask|attn_mask|position_ids|token_type_ids|relative_position_index|num_batches_tracked|"
            + @".*_index|.*_ids)$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex BufferName();

    /// <summary>Matches helper names that packed weights themselves have.</summary>
    [GeneratedRegex(
        @"(^|[._])(packed|blocks|qweight|codes|trellis|Qidxs|B)([._]|$)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex PackedName();

    [GeneratedRegex(
        @"(^|[._])(?<word>(?<lora>lora_(embedding_)?[abAB]|lora\.(up|down|mid)|lora_magnitude_vector|lora_(up|down|mid)|"
            + @"dora_scale)|hada_w[12]_[ab]|hada_t[12]|lokr_w[12](_[ab])?|oft_[rR]|oft_blocks|boft_[RS]|ia3_l|"
            + @"vera_lambda_[bd]|hra_u|vblora_[a-z_]+|fourierft_spectrum|adaption_prompt|bone_block|miss_block|shira_weight|"
            + @"trainable_tokens_(delta|original)|c3a_kernel|road_(theta|alpha)|waveft_spectrum|randlora_[a-zA-Z]+|"
            + @"prompt_embeddings|ln_tuning_layers|adapter_(down|up)|rotate_layer)([._]|$)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex AdapterFactorName();
}
