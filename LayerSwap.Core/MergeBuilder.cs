using LayerSwap.Planning;

namespace LayerSwap;

/// <summary>Gathers what a merge is made of. Everything is validated when it is added; <see cref="Plan"/> freezes it. Started by <see cref="LayerSwap.Merge"/>.</summary>
public sealed class MergeBuilder
{
    private readonly ICheckpoint? _base;
    private readonly List<PlanSource> _sources = [];
    private readonly List<PlanRule> _rules = [];

    /// <summary>The numbers of sources that only give what rules take from them.</summary>
    private readonly HashSet<int> _givers = [];
    private readonly Dictionary<string, byte[]?> _beside = new(StringComparer.Ordinal);
    private ICheckpoint? _donor;
    private ICheckpoint? _tokenizer;
    private DType? _dtype;
    private bool _forcesDType;
    private InputCautions _allowed;
    private VocabularyPolicy _vocabulary;
    private long _shardSize = 5_000_000_000;
    private long _seed;
    private int _threads = Environment.ProcessorCount;
    private int? _blockElements;

    internal MergeBuilder(ICheckpoint? @base, IMergeStrategy strategy, ICheckpoint? donor = null)
    {
        _base = @base;
        _donor = donor ?? @base;
        _rules.Add(new PlanRule(null, strategy));
    }

    /// <summary>Adds a source.</summary>
    /// <param name="model">A model fine-tuned from the base, or like the other sources.</param>
    /// <param name="weight">Its weight, for strategies that use one; 1 by default.</param>
    public MergeBuilder With(ICheckpoint model, Schedule? weight = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        _sources.Add(new(model, weight ?? 1));
        _donor ??= model;
        return this;
    }

    /// <summary>The strategy where no rule says otherwise; the last one set counts.</summary>
    public MergeBuilder Using(IMergeStrategy strategy)
    {
        ArgumentNullException.ThrowIfNull(strategy);
        _rules[0] = new PlanRule(null, strategy);
        return this;
    }

    /// <summary>Another strategy where a selector matches. Of several rules that match a tensor the last added wins.</summary>
    public MergeBuilder For(LayerSelector selector, IMergeStrategy strategy)
    {
        ArgumentNullException.ThrowIfNull(selector);
        ArgumentNullException.ThrowIfNull(strategy);
        _rules.Add(new PlanRule(selector, strategy));
        return this;
    }

    /// <summary>The same with but some of the sources, by their numbers.</summary>
    internal MergeBuilder For(LayerSelector selector, IMergeStrategy strategy, IReadOnlyList<int> sources)
    {
        _rules.Add(new PlanRule(selector, strategy, sources));
        return this;
    }

    /// <summary>Takes what a selector matches from another model, bytes unchanged. A model that is no source gives only that: it does not become a source of strategies.</summary>
    /// <param name="selector">Which tensors.</param>
    /// <param name="from">The donor.</param>
    public MergeBuilder Swap(LayerSelector selector, ICheckpoint from)
    {
        ArgumentNullException.ThrowIfNull(from);
        if (from == _base)
        {
            return For(selector, MergeStrategies.Keep);
        }

        int source = _sources.FindIndex(s => s.Checkpoint == from);
        if (source < 0)
        {
            source = _sources.Count;
            _givers.Add(source);
            With(from);
        }

        return For(selector, MergeStrategies.Take(0), [source]);
    }

    /// <summary>Where the rules added since the last call are written down.</summary>
    internal MergeBuilder WrittenAt(string place)
    {
        for (int i = 0; i < _rules.Count; i++)
        {
            _rules[i] = _rules[i] with { Written = _rules[i].Written ?? place };
        }

        return this;
    }

    /// <summary>The model that gives configuration and tokenizer, so far.</summary>
    internal ICheckpoint? Donor => _donor;

    /// <summary>The number of sources so far.</summary>
    internal int SourceCount => _sources.Count;

    /// <summary>Rules that name no sources have all but those that only give.</summary>
    private PlanRule[] Rules() => _givers.Count == 0 ? [.. _rules] : [.. _rules.Select(r => r with { Only = r.Only ?? [.. Enumerable.Range(0, _sources.Count).Where(i => !_givers.Contains(i))] })];

    /// <summary>Adds the sources' changes to the base: <see cref="MergeStrategies.TaskArithmetic(Schedule?, bool)"/> everywhere.</summary>
    /// <param name="scale">The scale (lambda), 1 by default.</param>
    public MergeBuilder TaskArithmetic(Schedule? scale = null) => Using(MergeStrategies.TaskArithmetic(scale));

    /// <summary>Lifts checks that are about caution; adds to those lifted before.</summary>
    /// <param name="cautions">Which.</param>
    public MergeBuilder Allow(InputCautions cautions)
    {
        _allowed |= cautions;
        return this;
    }

    /// <summary>
    /// The dtype of the output's floating-point tensors; by default that of the inputs. Tensors that models of F16 or BF16 keep in F32 on purpose, such as the biases of routers, keep it, unless
    /// <paramref name="force"/> is set: in a narrower dtype their values would run together.
    /// </summary>
    /// <param name="dtype">One with arithmetic: F64, F32, F16, BF16 or an 8-bit float.</param>
    /// <param name="force">Whether every tensor gets the dtype; false by default.</param>
    public MergeBuilder As(DType dtype, bool force = false)
    {
        _forcesDType = force;
        _dtype = dtype.SupportsArithmetic() ? dtype : throw new ArgumentException($"{dtype.Code()} cannot be converted to; a floating-point dtype is expected.", nameof(dtype));
        return this;
    }

    /// <summary>The size that shards are filled to; 5 GB by default.</summary>
    /// <param name="bytes">1 or more; a tensor larger than this gets a shard of its own.</param>
    public MergeBuilder InShardsOf(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1);
        _shardSize = bytes;
        return this;
    }

    /// <summary>What happens to embeddings and heads with different numbers of rows; refused by default.</summary>
    public MergeBuilder Vocabulary(VocabularyPolicy policy)
    {
        _vocabulary = Enum.IsDefined(policy) ? policy : throw new ArgumentOutOfRangeException(nameof(policy), policy, "No such policy.");
        return this;
    }

    /// <summary>The number of threads; all processors by default. The result does not depend on it.</summary>
    /// <param name="threads">From 1 to 1024.</param>
    public MergeBuilder OnThreads(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, 1024);
        _threads = threads;
        return this;
    }

    /// <summary>The seed of strategies with randomness; 0 by default. The same seed gives the same bytes, on any number of threads.</summary>
    public MergeBuilder WithSeed(long seed)
    {
        _seed = seed;
        return this;
    }

    /// <summary>Reads headers only, and decides everything; nothing is written.</summary>
    /// <exception cref="MergeException">Inputs, rules and settings do not fit together; all that is wrong is named.</exception>
    /// <exception cref="CheckpointException">A config.json or tokenizer of an input cannot be read.</exception>
    public MergePlan Plan() => PlanBuilder.Build(WithShares(Request()));

    /// <summary>
    /// The merge written down as a recipe: YAML that <see cref="Recipe"/> reads to the same merge, byte for byte. Models are named by their absolute paths. Threads, seed, shard size and
    /// saving are not part of a recipe.
    /// </summary>
    /// <exception cref="MergeException">Something of it cannot be said in a recipe: a strategy of one's own, a model in memory.</exception>
    public string ToRecipe() => Recipes.RecipeWriter.Write(Request());

    /// <summary>Plans and executes: <see cref="MergePlanExtensions.ExecuteAsync"/>.</summary>
    /// <inheritdoc cref="MergePlanExtensions.ExecuteAsync"/>
    public Task<MergeResult> SaveAsync(string path, SaveOptions? options = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Plan().ExecuteAsync(path, options, cancellationToken), cancellationToken);

    /// <summary>Takes the tokenizer's files from a model that need not be the one that gives the configuration; all inputs are then known to have rows for its tokens.</summary>
    internal MergeBuilder TokenizerFrom(ICheckpoint model, IReadOnlyDictionary<string, byte[]?> changed)
    {
        _tokenizer = model;
        foreach ((string name, byte[]? bytes) in changed)
        {
            _beside[name] = bytes;
        }

        return this;
    }

    /// <summary>A file written beside the weights, in the place of one of that name.</summary>
    internal MergeBuilder Beside(string name, byte[] bytes)
    {
        _beside[name] = bytes;
        return this;
    }

    /// <summary>The number of elements worked at a time; the result does not depend on it, which is what tests set it for.</summary>
    internal MergeBuilder InBlocksOf(int elements)
    {
        _blockElements = elements;
        return this;
    }

    /// <summary>Measures the shares of layers for strategies that choose by them.</summary>
    private PlanRequest WithShares(PlanRequest request) => !request.Rules.Any(r => r.Strategy is ShareSwap { NeedsShares: true }) ? request : request with
    {
        Rules = [.. request.Rules.Select(r => r.Strategy is ShareSwap { NeedsShares: true } strategy && _base is not null && request.SourcesOf(r) is [var first, var second]
            ? r with { Strategy = strategy.With(MergeStrategies.SharesOf(LayerDiff.From(_base).To(first.Checkpoint, second.Checkpoint).OnThreads(_threads).Run())) }
            : r)],
    };

    private PlanRequest Request() => _donor is null
        ? throw new MergeException("A merge needs at least one model. Remedy: add one by With.")
        : new PlanRequest
        {
            Base = _base,
            Sources = [.. _sources],
            Rules = Rules(),
            Donor = _donor,
            Tokenizer = _tokenizer,
            Beside = new Dictionary<string, byte[]?>(_beside, StringComparer.Ordinal),
            Allowed = _allowed,
            DType = _dtype,
            ForcesDType = _forcesDType,
            Vocabulary = _vocabulary,
            Seed = _seed,
            ShardSize = _shardSize,
            Threads = _threads,
            BlockElements = _blockElements,
        };
}
