namespace LayerSwap.Planning;

/// <summary>A rule by place: what to do where a selector matches; null matches everything. It may have but some of the sources, and be written down somewhere, which its problems then name.</summary>
internal sealed record PlanRule(LayerSelector? Selector, IMergeStrategy Strategy, IReadOnlyList<int>? Only = null, string? Written = null)
{
    public string Text => Selector?.ToString() ?? "everywhere";
}

/// <summary>A model to be merged, and its weight.</summary>
internal sealed record PlanSource(ICheckpoint Checkpoint, Schedule Weight);

/// <summary>Everything a plan is made from: the frozen state of a builder.</summary>
internal sealed record PlanRequest
{
    public required ICheckpoint? Base { get; init; }

    public required IReadOnlyList<PlanSource> Sources { get; init; }

    /// <summary>The last rule that matches wins.</summary>
    public required IReadOnlyList<PlanRule> Rules { get; init; }

    /// <summary>The input that gives configuration and tokenizer.</summary>
    public required ICheckpoint Donor { get; init; }

    /// <summary>The sources of a rule.</summary>
    public IReadOnlyList<PlanSource> SourcesOf(PlanRule rule) => rule.Only is null ? Sources : [.. rule.Only.Select(i => Sources[i])];

    /// <summary>The model that gives the tokenizer, where it was chosen; else the donor.</summary>
    public ICheckpoint? Tokenizer { get; init; }

    /// <summary>Files written beside the weights instead of the donor's; null for one that is left out.</summary>
    public IReadOnlyDictionary<string, byte[]?> Beside { get; init; } = new Dictionary<string, byte[]?>(StringComparer.Ordinal);

    /// <summary>Checks that are lifted.</summary>
    public InputCautions Allowed { get; init; }

    public DType? DType { get; init; }

    /// <summary>Whether also tensors kept in float32 beside narrower ones get the dtype.</summary>
    public bool ForcesDType { get; init; }

    public long Seed { get; init; }

    public VocabularyPolicy Vocabulary { get; init; }

    public long ShardSize { get; init; } = 5_000_000_000;

    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Elements merged at a time; null where each tensor has what suits it.</summary>
    public int? BlockElements { get; init; }

    /// <summary>All inputs, the base first, each once.</summary>
    public IReadOnlyList<ICheckpoint> Inputs => [.. (Base is null ? [] : new[] { Base }).Concat(Sources.Select(s => s.Checkpoint)).Distinct()];
}
