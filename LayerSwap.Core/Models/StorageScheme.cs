using System.Buffers;
using System.Text.RegularExpressions;
using LayerSwap.Checkpoints;

namespace LayerSwap.Models;

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
        SearchValues.Create(["lora", "dora", "hada", "lokr", "oft", "ia3", "vera", "hra_", "vblora", "fourierft", "adaption"], StringComparison.Ordinal);

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
        QuantizedGroup[] groups = !checkpoint.Tensors.Any(t => IsPacked(t.DType)) ? [] : [.. checkpoint.Tensors.GroupBy(t => ModuleOf(t.Name), StringComparer.Ordinal).Select(Group).OfType<QuantizedGroup>()];
        return new StorageScheme(groups, groups.Length == 0 ? null : NameOf(checkpoint, groups), AdapterOf(checkpoint));
    }

    /// <summary>The module of a tensor: its name without the last part, and without what follows <c>.weight</c>.</summary>
    private static string ModuleOf(string name)
    {
        int weight = name.IndexOf(WeightPart + ".", StringComparison.Ordinal), last = name.LastIndexOf('.');
        return weight >= 0 ? name[..weight] : last < 0 ? "" : name[..last];
    }

    private static QuantizedGroup? Group(IGrouping<string, TensorInfo> module)
    {
        List<TensorInfo> payload = [], helpers = [];
        foreach (TensorInfo tensor in module)
        {
            string tail = tensor.Name[module.Key.Length..];
            bool helps = Helper().IsMatch(tail);
            if (helps)
            {
                helpers.Add(tensor);
            }

            if (IsPacked(tensor.DType) && (!helps || PackedWord().IsMatch(tail)))
            {
                payload.Add(tensor);
            }
        }

        return payload.Count > 0 && helpers.Except(payload).Any() ? new QuantizedGroup(module.Key, [.. payload.Union(helpers).Select(t => t.Name)]) : null;
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
        foreach (TensorInfo tensor in checkpoint.Tensors)
        {
            if (tensor.Name.AsSpan().ContainsAny(AdapterWords) && AdapterFactor().Match(tensor.Name) is { Success: true } factor)
            {
                return factor.Groups["lora"].Success ? "LoRA" : factor.Groups["word"].Value;
            }
        }

        return null;
    }

    [GeneratedRegex(@"(^|[._])(scales?|scale\d*|absmax|q?zeros?|zp|quant|codebooks?|codes|SCB|idx|perm|lut|shape|format|packed|blocks|meta|qweight|centroids)([._]|$)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Helper();

    [GeneratedRegex(@"(^|[._])(packed|blocks|qweight|codes)([._]|$)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PackedWord();

    [GeneratedRegex(@"(^|[._])(?<word>(?<lora>lora_(embedding_)?[abAB]|lora_magnitude_vector|lora_(up|down|mid)|dora_scale)|hada_w[12]_[ab]|hada_t[12]|lokr_w[12](_[ab])?|oft_[rR]|oft_blocks|boft_[RS]|ia3_l|vera_lambda_[bd]|hra_u|vblora_[a-z_]+|fourierft_spectrum|adaption_prompt)([._]|$)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AdapterFactor();
}
