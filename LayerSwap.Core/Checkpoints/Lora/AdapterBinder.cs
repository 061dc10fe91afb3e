using System.Collections.Frozen;
using System.Text.Json.Nodes;
using LayerSwap.Numerics;

namespace LayerSwap.Checkpoints.Lora;

/// <summary>The tensors that an adapter changes or adds, and what the model's configuration needs.</summary>
internal sealed record AdapterBinding
{
    public required IReadOnlyList<AdaptedTensor> Tensors { get; init; }

    public required IReadOnlyDictionary<string, JsonNode> ConfigValues { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }
}

/// <summary>
/// Finds the base's tensors that an adapter changes, checks all shapes, and says how each is computed. Everything in the adapter is
/// applied, or the adapter is refused.
/// </summary>
internal sealed partial class AdapterBinder
{
    /// <summary>Models whose layers of these names store weights as (in, out): Conv1D of transformers.</summary>
    private static readonly string[] TransposedFamilies = ["gpt2", "openai-gpt", "imagegpt", "decision_transformer"];

    private static readonly string[] TransposedModules = ["c_attn", "c_proj", "c_fc", "q_attn"];

    private readonly AdapterConfig _config;
    private readonly ICheckpoint _weights, _base;
    private readonly LoraThrow _throw;
    private readonly ModelConfig? _model;
    private readonly Dictionary<string, AdaptedTensor> _tensors = new(StringComparer.Ordinal);
    private readonly List<string> _warnings = [];
    private readonly TensorInfo? _embedding;

    /// <summary>The head's name if the base stores none, because it is tied to the embedding; else null.</summary>
    private readonly string? _tiedHead;

    private AdapterBinder(AdapterConfig config, ICheckpoint weights, ICheckpoint @base, LoraThrow error)
    {
        (_config, _weights, _base, _throw) = (config, weights, @base, error);
        _model = ModelConfig.TryRead(@base);
        LayerMap map = LayerMap.Of(@base);
        _embedding = @base.Tensors.FirstOrDefault(t =>
            t.Shape.Rank == 2 && map[t.Name] is { Kind: TensorKind.Embedding, IsTokenTable: true });
        bool hasHead = @base.Tensors.Any(t => map[t.Name] is { Kind: TensorKind.Head, IsTokenTable: true });
        _tiedHead = _embedding is not null && !hasHead && _model?.TiedEmbeddings != false ? "lm_head.weight" : null;
    }

    public static AdapterBinding Bind(AdapterConfig config, ICheckpoint weights, ICheckpoint @base, LoraThrow error) =>
        new AdapterBinder(config, weights, @base, error).Bind();

    private AdapterBinding Bind()
    {
        IReadOnlyList<AdapterModule> modules = AdapterTensors.Group(_weights, _throw);
        CheckFinite();
        HashSet<string> nested = new(StringComparer.Ordinal);
        foreach (AdapterModule module in modules)
        {
            string path = module.Path;
            if (AdapterTensors.TryRemoveNesting(ref path))
            {
                nested.Add(path);
            }
        }

        foreach (AdapterModule module in modules)
        {
            string path = module.Path;
            bool inner = AdapterTensors.TryRemoveNesting(ref path);
            if (inner || nested.Contains(path) || IsExperts(path))
            {
                BindExperts(module, path, inner, nested.Contains(path));
            }
            else
            {
                BindModule(module);
            }
        }

        Dictionary<string, JsonNode> changes = new(StringComparer.Ordinal);
        Untie(changes);
        CheckVocabulary(changes);
        return new AdapterBinding { Tensors = [.. _tensors.Values], ConfigValues = changes, Warnings = _warnings };
    }

    /// <summary>Refuses NaN and infinities, which a training run that failed leaves behind.</summary>
    private void CheckFinite()
    {
        foreach (TensorInfo tensor in _weights.Tensors)
        {
            if (Array.FindIndex(ReadValues(tensor), v => !float.IsFinite(v)) is >= 0 and int index)
            {
                throw _throw.Damaged($"its tensor {Printable.Escape(tensor.Name)} has NaN or infinity at element {index}.", tensor.Name);
            }
        }
    }

    private void BindModule(AdapterModule module)
    {
        TensorInfo weight = FindWeight(module.Path)
            ?? throw _throw.WrongBase($"the base has no weight of the module {Printable.Escape(module.Path)}.", null);
        bool isNewHead = _tiedHead == weight.Name && _base.Find(weight.Name) is null;
        string stem = weight.Name[..^".weight".Length];
        TensorInfo stored = isNewHead ? _embedding! : weight;
        if (module.Weight is not null || module.TokenRows is not null || module.HasFactors || module.Magnitude is not null)
        {
            Add(CreateWeight(module, weight, stored));
        }

        BindBias(module, stem);
    }

    private AdaptedTensor CreateWeight(AdapterModule module, TensorInfo weight, TensorInfo stored)
    {
        (ICheckpoint Checkpoint, TensorInfo Tensor) source = (_base, stored);
        TensorShape shape = stored.Shape;
        if (module.Weight is { } whole)
        {
            TensorInfo replacement = _weights.Find(whole)!;
            bool isTable = stored.Name == _embedding?.Name || IsHead(weight.Name);
            bool fits = replacement.Shape == shape
                || (isTable && replacement.Shape.Rank == 2 && replacement.Shape[1] == shape[1] && replacement.Shape[0] > shape[0]);
            if (!fits)
            {
                throw WrongShape(replacement, shape, weight.Name);
            }

            (source, shape) = ((_weights, replacement), replacement.Shape);
        }

        Lazy<LowRankFactors>? factors = null;
        (float[] Values, bool ByRow)? magnitudes = null;
        if (module.HasFactors || module.Magnitude is not null)
        {
            (factors, bool outputsAreRows) = CreateFactors(module, shape, weight.Name);
            magnitudes = ReadMagnitudes(module, outputsAreRows ? shape[0] : shape[1], outputsAreRows);
        }

        FrozenDictionary<long, float[]>? rows = module.TokenRows is { } tokenRows ? ReadRows(tokenRows, module.Path, shape) : null;
        return Create(weight.Name, shape, source, stored.DType) with { Factors = factors, Magnitudes = magnitudes, Rows = rows };
    }

    private void BindBias(AdapterModule module, string stem)
    {
        if (module.Bias is null && module.FactorBias is null)
        {
            return;
        }

        TensorInfo bias = _base.Find(stem + ".bias")
            ?? throw _throw.WrongBase(
                $"it has a bias for {Printable.Escape(module.Path)}, and the base has none.",
                module.Bias ?? module.FactorBias);
        (ICheckpoint, TensorInfo) source = (_base, bias);
        if (module.Bias is { } whole)
        {
            TensorInfo replacement = _weights.Find(whole)!;
            source = replacement.Shape == bias.Shape ? (_weights, replacement) : throw WrongShape(replacement, bias.Shape, bias.Name);
        }

        (float[], double)? added = null;
        if (module.FactorBias is { } factor)
        {
            TensorInfo tensor = _weights.Find(factor)!;
            added = tensor.Shape == bias.Shape
                ? (ReadValues(tensor), _config.Scale(module.Path))
                : throw WrongShape(tensor, bias.Shape, bias.Name);
        }

        Add(Create(bias.Name, bias.Shape, source, bias.DType) with { Added = added });
    }

    /// <summary>Makes the delta of a matrix in the base's orientation.</summary>
    /// <returns>The delta, and whether the module's outputs are the rows of the stored weight.</returns>
    private (Lazy<LowRankFactors> Factors, bool OutputsAreRows) CreateFactors(AdapterModule module, TensorShape shape, string weight)
    {
        bool isEmbedding = module.EmbeddingA is not null || module.EmbeddingB is not null;
        (string? nameA, string? nameB) = isEmbedding ? (module.EmbeddingA, module.EmbeddingB) : (module.A, module.B);
        if (nameA is null || nameB is null || (isEmbedding && (module.A is not null || module.B is not null)))
        {
            throw _throw.Damaged($"module {Printable.Escape(module.Path)} has not exactly one pair of factors.", nameA ?? nameB);
        }

        (TensorInfo a, TensorInfo b) = (_weights.Find(nameA)!, _weights.Find(nameB)!);
        int rank = CheckRank(module.Path, a, b, copies: 1);
        long inputs = a.Shape[1], outputs = b.Shape[0];
        if (shape.Rank != 2)
        {
            throw WrongShape(a, shape, weight);
        }

        bool straight = shape[0] == outputs && shape[1] == inputs, turned = shape[0] == inputs && shape[1] == outputs;
        bool isTransposed = isEmbedding || (turned && (!straight || IsConv1D(module.Path)));
        if (isTransposed ? !turned : !straight)
        {
            throw _throw.WrongBase($"{a} and {b} give a delta of {outputs} outputs and {inputs} inputs, and the base's "
                + $"{Printable.Escape(weight)} is {shape}.", nameA);
        }

        double scale = _config.Scale(PatternPath(module.Path));
        return (new Lazy<LowRankFactors>(() =>
        {
            float[] valuesA = ReadValues(a), valuesB = ReadValues(b);
            return isTransposed
                ? new LowRankFactors(Transpose(valuesA, rank), Transpose(valuesB, (int)outputs), rank, inputs, outputs, scale)
                : new LowRankFactors(valuesB, valuesA, rank, outputs, inputs, scale);
        }), !isTransposed);
    }

    private (float[] Values, bool ByRow)? ReadMagnitudes(AdapterModule module, long outputs, bool byRow)
    {
        if (_config.UsesMagnitudes != module.Magnitude is not null)
        {
            throw _throw.Damaged($"module {Printable.Escape(module.Path)} "
                + (_config.UsesMagnitudes
                    ? "has no lora_magnitude_vector, though use_dora is set."
                    : "has a lora_magnitude_vector, though use_dora is not set."));
        }

        if (module.Magnitude is not { } name)
        {
            return null;
        }

        TensorInfo tensor = _weights.Find(name)!;
        return tensor.ElementCount == outputs
            ? (ReadValues(tensor), byRow)
            : throw _throw.Damaged($"{tensor} has {tensor.ElementCount} magnitudes; {outputs} are expected.", name);
    }

    private FrozenDictionary<long, float[]> ReadRows(string name, string module, TensorShape shape)
    {
        TensorInfo tensor = _weights.Find(name)!;
        IReadOnlyList<long> indices = _config.TokenIndices(module)
            ?? throw _throw.Damaged($"{tensor} has token rows, and the configuration has no trainable_token_indices for it.", name);
        if (tensor.Shape.Rank != 2 || tensor.Shape[0] != indices.Count || tensor.Shape[1] != shape[1])
        {
            throw _throw.Damaged($"{tensor} has not one row of {shape[1]} for each of {indices.Count} tokens.", name);
        }

        if (indices.Any(i => i < 0 || i >= shape[0]) || indices.Distinct().Count() != indices.Count)
        {
            throw _throw.WrongBase($"trainable_token_indices has tokens that the base has not, or one twice; it has {shape[0]}.", name);
        }

        int width = (int)shape[1];
        float[] values = ReadValues(tensor);
        return indices.Select((token, i) => KeyValuePair.Create(token, values.AsSpan(i * width, width).ToArray())).ToFrozenDictionary();
    }

    /// <summary>Finds the weight of a module. The head of a tied model is one that does not exist yet.</summary>
    private TensorInfo? FindWeight(string path) =>
        FindByPath(path)
        ?? (path.EndsWith(".mlp.gate", StringComparison.Ordinal)
            ? FindByPath(path[..^".mlp.gate".Length] + ".block_sparse_moe.gate")
            : null)
        ?? (_tiedHead is { } head && SamePath("lm_head", path) ? new TensorInfo(head, _embedding!.DType, _embedding.Shape) : null);

    /// <summary>Finds <c>path.weight</c>. The base's names may lack the path's first part, or have one more.</summary>
    private TensorInfo? FindByPath(string path)
    {
        string name = path + ".weight";
        if (_base.Find(name) is { } exact)
        {
            return exact;
        }

        int dot = name.IndexOf('.', StringComparison.Ordinal);
        if (_base.Find(name[(dot + 1)..]) is { } shorter && dot < path.Length)
        {
            return shorter;
        }

        TensorInfo[] longer = [.. _base.Tensors.Where(t => t.Name.EndsWith("." + name, StringComparison.Ordinal))];
        return longer is [var only] ? only : null;
    }

    private bool IsConv1D(string path)
    {
        string module = path[(path.LastIndexOf('.') + 1)..];
        return _model?.ModelType is { } type
            ? TransposedFamilies.Contains(type, StringComparer.Ordinal) && TransposedModules.Contains(module, StringComparer.Ordinal)
            : _config.IsTransposed;
    }

    private bool IsHead(string name) => name == _tiedHead || LayerMap.Of(_base)[name] is { Kind: TensorKind.Head, IsTokenTable: true };

    /// <summary>A plain parameter that is adapted directly is matched against patterns with <c>.weight</c>.</summary>
    private string PatternPath(string path) =>
        _config.TargetParameters.Any(p => PathEndsWith(path + ".weight", p)) ? path + ".weight" : path;

    private int CheckRank(string path, TensorInfo a, TensorInfo b, int copies)
    {
        string shown = Printable.Escape(path);
        if (a.Shape.Rank != 2 || b.Shape.Rank != 2 || a.Shape[0] != b.Shape[1])
        {
            throw _throw.Damaged($"{a} and {b} of module {shown} have different ranks, or are no matrices.", a.Name);
        }

        long rank = _config.Rank(PatternPath(path));
        return a.Shape[0] == rank * copies
            ? (int)rank
            : throw _throw.Damaged($"{a} has rank {a.Shape[0]}{(copies > 1 ? $" for {copies} experts" : "")}; "
                + $"the configuration says {rank} for {shown}.", a.Name);
    }

    /// <summary>Unties the head if the adapter makes input and output embedding different. PEFT's own merge changes both uses.</summary>
    private void Untie(Dictionary<string, JsonNode> changes)
    {
        if (_tiedHead is not { } head)
        {
            return;
        }

        AdaptedTensor? embedding = _tensors.GetValueOrDefault(_embedding!.Name), output = _tensors.GetValueOrDefault(head);
        bool staysTied = (embedding, output) switch
        {
            (null, null) => true,
            // Token rows replace rows of the shared table: both uses change alike.
            ({ Factors: null, Rows: not null } e, null) when e.Source.Checkpoint == _base => true,
            ({ } e, { } o) => AreEqual(e, o),
            _ => false,
        };
        if (staysTied)
        {
            _tensors.Remove(head);
            return;
        }

        output ??= Create(head, _embedding.Shape, (_base, _embedding), _embedding.DType);
        if (embedding is { Rows: { } rows } && output.Rows is null)
        {
            output = output with { Rows = rows };
        }

        _tensors[head] = output;
        changes["tie_word_embeddings"] = JsonValue.Create(false);
        _warnings.Add($"it changes only one use of the tied embeddings: the output has a separate {head}.");
    }

    private static bool AreEqual(AdaptedTensor one, AdaptedTensor other) =>
        (one.Factors is null) == (other.Factors is null)
        && (one.Factors is null || one.Factors.Value.IsEqualTo(other.Factors!.Value))
        && one.Rows is null && other.Rows is null && one.Magnitudes is null && other.Magnitudes is null
        && (one.Source == other.Source || SameBytes(one.Source, other.Source));

    private static bool SameBytes((ICheckpoint Checkpoint, TensorInfo Tensor) one, (ICheckpoint Checkpoint, TensorInfo Tensor) other)
    {
        const int Window = 1 << 20;
        bool same = one.Tensor.DType == other.Tensor.DType && one.Tensor.Shape == other.Tensor.Shape;
        byte[] a = new byte[Window], b = new byte[Window];
        for (long offset = 0; same && offset < one.Tensor.ByteLength; offset += Window)
        {
            int length = (int)Math.Min(Window, one.Tensor.ByteLength - offset);
            one.Checkpoint.Read(one.Tensor.Name, offset, a.AsSpan(0, length));
            other.Checkpoint.Read(other.Tensor.Name, offset, b.AsSpan(0, length));
            same = a.AsSpan(0, length).SequenceEqual(b.AsSpan(0, length));
        }

        return same;
    }

    /// <summary>Checks that embedding and head have equal numbers of rows, and writes a larger vocabulary into the configuration.</summary>
    private void CheckVocabulary(Dictionary<string, JsonNode> changes)
    {
        if (_embedding is null)
        {
            return;
        }

        long before = _embedding.Shape[0], after = _tensors.GetValueOrDefault(_embedding.Name)?.Info.Shape[0] ?? before;
        LayerMap map = LayerMap.Of(_base);
        TensorInfo? head = _tensors.Values.Select(t => t.Info).FirstOrDefault(t => IsHead(t.Name))
            ?? _base.Tensors.FirstOrDefault(t => map[t.Name] is { Kind: TensorKind.Head, IsTokenTable: true });
        // A base may have more rows in one of the two: both must grow alike.
        long headBefore = head is null ? before : _base.Find(head.Name)?.Shape[0] ?? before;
        if (head is not null && head.Shape[0] - headBefore != after - before)
        {
            throw _throw.Damaged($"its vocabulary has {after} rows in {Printable.Escape(_embedding.Name)} and {head.Shape[0]} in "
                + $"{Printable.Escape(head.Name)}.", head.Name);
        }

        if (after != before)
        {
            changes["vocab_size"] = JsonValue.Create(after);
            _warnings.Add($"it extends the vocabulary from {before} to {after} rows.");
        }
    }

    private void Add(AdaptedTensor tensor)
    {
        if (!_tensors.TryAdd(tensor.Name, tensor))
        {
            throw _throw.Damaged($"two of its modules change {Printable.Escape(tensor.Name)}.");
        }
    }

    private static AdaptedTensor Create(string name, TensorShape shape, (ICheckpoint Checkpoint, TensorInfo Tensor) source, DType dtype) =>
        new() { Name = name, Shape = shape, DefaultDType = dtype, Source = source };

    private CheckpointException WrongShape(TensorInfo found, TensorShape expected, string name) =>
        _throw.WrongBase($"{found} does not fit the base's {Printable.Escape(name)}, which is {expected}.", found.Name);

    private float[] ReadValues(TensorInfo tensor)
    {
        byte[] bytes = new byte[checked((int)tensor.ByteLength)];
        _weights.Read(tensor.Name, 0, bytes);
        float[] values = new float[tensor.ElementCount];
        ElementCodec.Widen(tensor.DType, bytes, values);
        return values;
    }

    private static float[] Transpose(float[] values, int rows)
    {
        int columns = values.Length / rows;
        float[] transposed = new float[values.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                transposed[(column * rows) + row] = values[(row * columns) + column];
            }
        }

        return transposed;
    }

    private static bool PathEndsWith(string path, string end) =>
        path == end || path.EndsWith("." + end, StringComparison.Ordinal);

    private static bool SamePath(string one, string other) => PathEndsWith(one, other) || PathEndsWith(other, one);
}
