namespace LayerSwap.Planning;

/// <summary>A merge strategy for the tensors that a selector matches.</summary>
/// <param name="Selector">The tensors; null for all.</param>
/// <param name="Strategy">The strategy.</param>
/// <param name="SourceIndices">The indices of the sources to merge; null for all.</param>
/// <param name="WrittenAt">Where the rule is written, for messages; null if unknown.</param>
internal sealed record PlanRule(LayerSelector? Selector, IMergeStrategy Strategy, IReadOnlyList<int>? SourceIndices = null,
    string? WrittenAt = null)
{
    public string Text => Selector?.ToString() ?? "everywhere";
}

/// <summary>A model to merge, and its weight.</summary>
internal sealed record PlanSource(ICheckpoint Checkpoint, Schedule Weight);

/// <summary>The input of planning: the frozen state of a builder.</summary>
internal sealed record PlanRequest
{
    public required ICheckpoint? Base { get; init; }

    public required IReadOnlyList<PlanSource> Sources { get; init; }

    /// <summary>The rules; the last one that matches applies.</summary>
    public required IReadOnlyList<PlanRule> Rules { get; init; }

    /// <summary>The model that config.json and other auxiliary files are copied from.</summary>
    public required ICheckpoint ConfigSource { get; init; }

    /// <summary>Selects the sources of a rule.</summary>
    public IReadOnlyList<PlanSource> SourcesOf(PlanRule rule) => rule.SourceIndices is null ? Sources
        : [.. rule.SourceIndices.Select(i => Sources[i])];

    /// <summary>The model that the tokenizer is copied from; null for <see cref="ConfigSource"/>.</summary>
    public ICheckpoint? TokenizerSource { get; init; }

    /// <summary>The contents of files that replace copied ones, by name; null for a file to omit.</summary>
    public IReadOnlyDictionary<string, byte[]?> ReplacedFiles { get; init; } = new Dictionary<string, byte[]?>(StringComparer.Ordinal);

    /// <summary>Checks to skip.</summary>
    public InputCautions Allowed { get; init; }

    public DType? DType { get; init; }

    /// <summary>Whether the dtype also applies to float32 tensors of models that are mostly narrower.</summary>
    public bool ForcesDType { get; init; }

    public long Seed { get; init; }

    public VocabularyPolicy Vocabulary { get; init; }

    public long ShardSize { get; init; } = 5_000_000_000;

    public OutputFormat Format { get; init; }

    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Elements merged at a time; null for a length chosen per tensor.</summary>
    public int? BlockElements { get; init; }

    /// <summary>All distinct inputs, the base first.</summary>
    public IReadOnlyList<ICheckpoint> Inputs =>
        [.. (Base is null ? [] : new[] { Base }).Concat(Sources.Select(s => s.Checkpoint)).Distinct()];
}
