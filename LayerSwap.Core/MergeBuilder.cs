using LayerSwap.Planning;

namespace LayerSwap;

/// <summary>
/// Describes a merge. An immutable builder: every method returns a new one. <see cref="Plan"/> validates and decides everything. Started by
/// <see cref="LayerSwap.Merge"/>.
/// </summary>
public sealed class MergeBuilder
{
    private readonly State _state;

    private MergeBuilder(State state) => _state = state;

    internal MergeBuilder(ICheckpoint? @base, IMergeStrategy strategy, ICheckpoint? donor = null)
    {
        _state = new State { Base = @base, Donor = donor ?? @base, Rules = [new PlanRule(null, strategy)] };
    }

    /// <summary>Adds a source.</summary>
    /// <param name="model">A model with the tensors of the base or of the other sources.</param>
    /// <param name="weight">The weight of the source, for strategies that use weights; 1 by default.</param>
    public MergeBuilder With(ICheckpoint model, Schedule? weight = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new MergeBuilder(_state with { Sources = [.. _state.Sources, new(model, weight ?? 1)], Donor = _state.Donor ?? model });
    }

    /// <summary>Sets the strategy for all tensors that no rule matches; the last one set applies.</summary>
    public MergeBuilder Using(IMergeStrategy strategy)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        return new MergeBuilder(_state with { Rules = [new PlanRule(null, strategy), .. _state.Rules.Skip(1)] });
    }

    /// <summary>Sets another strategy where a selector matches. If several rules match a tensor, the last one added applies.</summary>
    public MergeBuilder For(LayerSelector selector, IMergeStrategy strategy)
    {
        ArgumentNullException.ThrowIfNull(selector);
        ArgumentNullException.ThrowIfNull(strategy);
        return new MergeBuilder(_state with { Rules = [.. _state.Rules, new PlanRule(selector, strategy)] });
    }

    /// <summary>Sets another strategy for some of the sources, by their indices, where a selector matches.</summary>
    internal MergeBuilder For(LayerSelector selector, IMergeStrategy strategy, IReadOnlyList<int> sources) =>
        new MergeBuilder(_state with { Rules = [.. _state.Rules, new PlanRule(selector, strategy, sources)] });

    /// <summary>
    /// Takes the tensors that a selector matches from another model, bytes unchanged. A model that is not a source gives only these
    /// tensors, and does not become a source of strategies.
    /// </summary>
    /// <param name="selector">The tensors.</param>
    /// <param name="from">The model that gives them.</param>
    public MergeBuilder Swap(LayerSelector selector, ICheckpoint from)
    {
        ArgumentNullException.ThrowIfNull(from);
        if (from == _state.Base)
        {
            return For(selector, MergeStrategies.Keep);
        }

        int source = _state.Sources.ToList().FindIndex(s => s.Checkpoint == from);
        MergeBuilder builder = source >= 0 ? this : With(from).Giving(_state.Sources.Count);
        return builder.For(selector, MergeStrategies.Take(0), [source >= 0 ? source : _state.Sources.Count]);
    }

    /// <summary>Records where the rules added since the last call are written.</summary>
    internal MergeBuilder WrittenAt(string place) =>
        new MergeBuilder(_state with { Rules = [.. _state.Rules.Select(r => r with { WrittenAt = r.WrittenAt ?? place })] });

    /// <summary>The model that gives configuration and tokenizer.</summary>
    internal ICheckpoint? ConfigSource => _state.Donor;

    /// <summary>The number of sources.</summary>
    internal int SourceCount => _state.Sources.Count;

    /// <summary>Adds the sources' deltas to the base: <see cref="MergeStrategies.TaskArithmetic(Schedule?, bool)"/> everywhere.</summary>
    /// <param name="scale">The scale (lambda), 1 by default.</param>
    public MergeBuilder TaskArithmetic(Schedule? scale = null) => Using(MergeStrategies.TaskArithmetic(scale));

    /// <summary>Skips precautionary checks, in addition to those already skipped.</summary>
    /// <param name="cautions">The checks to skip.</param>
    public MergeBuilder Allow(InputCautions cautions) => new MergeBuilder(_state with { Allowed = _state.Allowed | cautions });

    /// <summary>
    /// Sets the dtype of the output's floating-point tensors; that of the inputs by default. Tensors that F16 or BF16 models keep in F32,
    /// such as the biases of routers, stay F32 unless <paramref name="force"/> is set: a narrower dtype could round different values to the
    /// same one.
    /// </summary>
    /// <param name="dtype">A dtype with arithmetic: F64, F32, F16, BF16 or an 8-bit float.</param>
    /// <param name="force">Whether every tensor gets the dtype; false by default.</param>
    /// <exception cref="ArgumentException">The dtype has no arithmetic.</exception>
    public MergeBuilder As(DType dtype, bool force = false) =>
        dtype.SupportsArithmetic() ? new MergeBuilder(_state with { DType = dtype, ForcesDType = force })
        : throw new ArgumentException($"{dtype.Code()} cannot be converted to; a floating-point dtype is expected.", nameof(dtype));

    /// <summary>Sets the maximum shard size; 5 GB (5,000,000,000 bytes) by default.</summary>
    /// <param name="bytes">The size in bytes, 1 or more; a larger tensor gets its own shard.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1.</exception>
    public MergeBuilder InShardsOf(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1);
        return new MergeBuilder(_state with { ShardSize = bytes });
    }

    /// <summary>Sets the file format of the weights; safetensors by default.</summary>
    /// <param name="format">The format. TorchSharp's has one file, whatever the shard size.</param>
    public MergeBuilder InFormat(OutputFormat format) =>
        Enum.IsDefined(format) ? new MergeBuilder(_state with { Format = format })
        : throw new ArgumentOutOfRangeException(nameof(format), format, "No such format.");

    /// <summary>Sets the policy for embeddings and heads with different numbers of rows; refused by default.</summary>
    public MergeBuilder Vocabulary(VocabularyPolicy policy) =>
        Enum.IsDefined(policy) ? new MergeBuilder(_state with { Vocabulary = policy })
        : throw new ArgumentOutOfRangeException(nameof(policy), policy, "No such policy.");

    /// <summary>Sets the number of threads; all processors by default. The result does not depend on it.</summary>
    /// <param name="threads">From 1 to 1024.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is out of range.</exception>
    public MergeBuilder OnThreads(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, 1024);
        return new MergeBuilder(_state with { Threads = threads });
    }

    /// <summary>
    /// Sets the seed of strategies with randomness; 0 by default. The same seed gives the same bytes, on any number of threads.
    /// </summary>
    public MergeBuilder WithSeed(long seed) => new MergeBuilder(_state with { Seed = seed });

    /// <summary>
    /// Validates the merge and decides what happens to every tensor. Reads headers only, except for
    /// <see cref="MergeStrategies.ShareSwap(double)"/>, which reads the models. Nothing is written.
    /// </summary>
    /// <exception cref="MergeException">Inputs, rules and settings do not fit together; every problem is named.</exception>
    /// <exception cref="CheckpointException">A config.json or tokenizer of an input cannot be read.</exception>
    public MergePlan Plan() => PlanBuilder.Build(WithShares(Request()));

    /// <summary>Plans and executes: <see cref="MergePlan.Execute"/>.</summary>
    /// <inheritdoc cref="MergePlan.Execute"/>
    public MergeResult Save(string path, SaveOptions? options = null, CancellationToken cancellationToken = default) =>
        Plan().Execute(path, options, cancellationToken);

    /// <inheritdoc cref="Save"/>
    public Task<MergeResult> SaveAsync(string path, SaveOptions? options = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Save(path, options, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public override string ToString()
    {
        string models = string.Join(", ", _state.Sources.Select(s => s.Checkpoint.Name));
        string @base = _state.Base is null ? "" : $" with the base {_state.Base.Name}";
        return $"merge of {models}{@base}, {_state.Rules[0].Strategy.Name}, {_state.Rules.Count - 1} rules";
    }

    /// <summary>
    /// Takes the tokenizer's files from a model that may differ from the one that gives the configuration. All inputs are known to have
    /// rows for its tokens.
    /// </summary>
    internal MergeBuilder TokenizerFrom(ICheckpoint model, IReadOnlyDictionary<string, byte[]?> changed) =>
        changed.Aggregate(new MergeBuilder(_state with { Tokenizer = model }), (builder, file) => builder.WithFile(file.Key, file.Value));

    /// <summary>Writes an auxiliary file in place of an input's of that name; null leaves it out.</summary>
    internal MergeBuilder WithFile(string name, byte[]? bytes) =>
        new MergeBuilder(_state with { Files = new Dictionary<string, byte[]?>(_state.Files, StringComparer.Ordinal) { [name] = bytes } });

    /// <summary>Sets the number of elements per block, for tests. The result does not depend on it.</summary>
    internal MergeBuilder InBlocksOf(int elements) => new MergeBuilder(_state with { BlockElements = elements });

    internal PlanRequest Request() => _state.Donor is null
        ? throw new MergeException("A merge needs at least one model. Remedy: add one by With.")
        : new PlanRequest
        {
            Base = _state.Base,
            Sources = _state.Sources,
            Rules = Rules(),
            ConfigSource = _state.Donor,
            TokenizerSource = _state.Tokenizer,
            ReplacedFiles = _state.Files,
            Allowed = _state.Allowed,
            DType = _state.DType,
            ForcesDType = _state.ForcesDType,
            Vocabulary = _state.Vocabulary,
            Seed = _state.Seed,
            ShardSize = _state.ShardSize,
            Format = _state.Format,
            Threads = _state.Threads,
            BlockElements = _state.BlockElements,
        };

    /// <summary>Gets the rules. Rules without sources apply to all sources except givers.</summary>
    private IReadOnlyList<PlanRule> Rules()
    {
        int[] sources = [.. Enumerable.Range(0, _state.Sources.Count).Except(_state.Givers)];
        return _state.Givers.Count == 0 ? _state.Rules
            : [.. _state.Rules.Select(r => r with { SourceIndices = r.SourceIndices ?? sources })];
    }

    /// <summary>Measures the layer shares for strategies that need them.</summary>
    private PlanRequest WithShares(PlanRequest request)
    {
        return request with { Rules = [.. request.Rules.Select(Measured)] };

        PlanRule Measured(PlanRule rule)
        {
            if (rule.Strategy is not ShareSwap { NeedsShares: true } strategy
                || _state.Base is null
                || request.SourcesOf(rule) is not [var first, var second])
            {
                return rule;
            }

            LayerDiff diff = LayerDiff.From(_state.Base).To(first.Checkpoint, second.Checkpoint).OnThreads(_state.Threads);
            return rule with { Strategy = strategy.WithShares(MergeStrategies.SharesOf(diff.Run())) };
        }
    }

    private MergeBuilder Giving(int source) => new(_state with { Givers = [.. _state.Givers, source] });

    /// <summary>The state of the builder.</summary>
    private sealed record State
    {
        public ICheckpoint? Base { get; init; }

        public IReadOnlyList<PlanSource> Sources { get; init; } = [];

        public IReadOnlyList<PlanRule> Rules { get; init; } = [];

        /// <summary>The indices of the givers: sources that only give tensors to rules.</summary>
        public IReadOnlyList<int> Givers { get; init; } = [];

        /// <summary>Auxiliary files written in place of an input's; null leaves one out.</summary>
        public IReadOnlyDictionary<string, byte[]?> Files { get; init; } = new Dictionary<string, byte[]?>(StringComparer.Ordinal);

        public ICheckpoint? Donor { get; init; }

        public ICheckpoint? Tokenizer { get; init; }

        public DType? DType { get; init; }

        public bool ForcesDType { get; init; }

        public InputCautions Allowed { get; init; }

        public VocabularyPolicy Vocabulary { get; init; }

        public long ShardSize { get; init; } = 5_000_000_000;

        public OutputFormat Format { get; init; }

        public long Seed { get; init; }

        public int Threads { get; init; } = Environment.ProcessorCount;

        public int? BlockElements { get; init; }
    }
}
