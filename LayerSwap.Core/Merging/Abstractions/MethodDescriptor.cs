namespace LayerSwap.Merging;

/// <summary>
/// The declaration of a method: name, summary and parameters. The single source for the catalogue, recipes in and out, <c>merge --help</c>
/// and the table in docs/strategies.
/// </summary>
/// <typeparam name="TOptions">The options of the strategy.</typeparam>
/// <param name="name">The name, such as <c>task_arithmetic</c>.</param>
/// <param name="summary">A one-line summary of the method.</param>
/// <param name="defaults">The default options.</param>
/// <param name="create">Creates the strategy.</param>
internal sealed class MethodDescriptor<TOptions>(string name, string summary, TOptions defaults, Func<TOptions, IMergeStrategy> create)
    where TOptions : class
{
    private readonly List<Parameter> _parameters = [];

    public string Name => name;

    public bool NeedsBase { get; init; }

    public bool UsesBase { get; init; } = true;

    public bool UsesWeights { get; init; }

    public bool IsWholeModel { get; init; }

    /// <summary>Gets the weights in the options that replace the sources' own; null for none.</summary>
    public Func<TOptions, PerSource?> Weights { get; init; } = _ => null;

    /// <summary>The catalogue entry.</summary>
    public MergeMethod Method => field ??= new MergeMethod
    {
        Name = name,
        Summary = summary,
        NeedsBase = NeedsBase,
        UsesBase = UsesBase,
        UsesWeights = UsesWeights,
        IsWholeModel = IsWholeModel,
        Parameters = [.. _parameters.Select(p => p.Public)],
        Factory = values => create(_parameters
            .Where(p => values.Has(p.Public.Name))
            .Aggregate(defaults, (options, p) => p.Set(options, values))),
    };

    /// <summary>Declares a number that may differ by place and by source.</summary>
    public MethodDescriptor<TOptions> PerSource(
        string parameter, string summary, Func<TOptions, PerSource> get, Func<TOptions, PerSource, TOptions> set) =>
        Add(
            new() { Name = parameter, Summary = summary, Default = NumberOf(get(defaults).Single), IsPerSource = true },
            get,
            (o, v) => set(o, v.PerSource(parameter)));

    /// <summary>Declares a number that may differ by place; required if the defaults have none.</summary>
    public MethodDescriptor<TOptions> Number(
        string parameter, string summary, Func<TOptions, Schedule?> get, Func<TOptions, Schedule, TOptions> set) =>
        Add(new() { Name = parameter, Summary = summary, Default = NumberOf(get(defaults)) }, get, (o, v) => set(o, v.Number(parameter)));

    /// <summary>Declares a number for the whole merge.</summary>
    public MethodDescriptor<TOptions> Plain(
        string parameter, string summary, Func<TOptions, double> get, Func<TOptions, double, TOptions> set) =>
        Add(new() { Name = parameter, Summary = summary, Default = get(defaults) }, o => get(o), (o, v) => set(o, v.Plain(parameter)));

    /// <summary>Declares an integer for the whole merge.</summary>
    public MethodDescriptor<TOptions> Whole(
        string parameter, string summary, int least, Func<TOptions, int> get, Func<TOptions, int, TOptions> set) =>
        Add(
            new() { Name = parameter, Summary = summary, Default = get(defaults) },
            o => (double)get(o),
            (o, v) => set(o, v.Whole(parameter, least)));

    /// <summary>Declares a switch for the whole merge.</summary>
    public MethodDescriptor<TOptions> Switch(
        string parameter, string summary, Func<TOptions, bool> get, Func<TOptions, bool, TOptions> set) =>
        Add(
            new() { Name = parameter, Summary = summary, Default = get(defaults) ? 1 : 0, IsSwitch = true },
            o => get(o),
            (o, v) => set(o, v.Switch(parameter)));

    /// <summary>Declares one of several words. A default, or a value that is not one of the words, is not written.</summary>
    public MethodDescriptor<TOptions> Word(
        string parameter, string summary, string[] words, Func<TOptions, int> get, Func<TOptions, int, TOptions> set) =>
        Add(
            new() { Name = parameter, Summary = summary, Default = get(defaults), Words = words },
            o => get(o) is var index && index >= 0 && index < words.Length && index != get(defaults) ? words[index] : null,
            (o, v) => set(o, v.Word(parameter)));

    /// <summary>Declares a parameter that sets several others, and is not written itself.</summary>
    public MethodDescriptor<TOptions> Shorthand(string parameter, string summary, int otherwise, Func<TOptions, int, TOptions> set) =>
        Add(new() { Name = parameter, Summary = summary, Default = otherwise }, _ => null, (o, v) => set(o, v.Whole(parameter, 0)));

    /// <summary>Declares a switch that mergekit has and that changes nothing here; its value is still validated.</summary>
    public MethodDescriptor<TOptions> Ignored(string parameter) =>
        Add(
            new() { Name = parameter, Summary = "Accepted for mergekit's sake; changes nothing.", Default = 0, IsSwitch = true },
            _ => null,
            (o, v) => Validated(o, v.Switch(parameter)));

    /// <summary>
    /// Gets the parameters as recipes write them: a bool, a double, a word, a <see cref="Schedule"/> or a
    /// <see cref="LayerSwap.PerSource"/>.
    /// </summary>
    /// <exception cref="NotSupportedException">A value cannot be written in a recipe.</exception>
    public IEnumerable<(string Name, object Value)> Write(TOptions options) =>
        [.. _parameters
            .Select(p => (p.Public.Name, Value: p.Get(options)))
            .Where(p => p.Value is not null)
            .Select(p => (p.Name, p.Value!))];

    private MethodDescriptor<TOptions> Add(
        MergeParameter parameter, Func<TOptions, object?> get, Func<TOptions, ParameterValues, TOptions> set)
    {
        _parameters.Add(new Parameter(parameter, get, set));
        return this;
    }

    /// <summary>Returns the options unchanged, after a value was read only to validate it.</summary>
    private static TOptions Validated(TOptions options, bool _) => options;

    private static double? NumberOf(Schedule? schedule) => schedule?.Gradient is [double value] ? value : null;

    private sealed record Parameter(MergeParameter Public, Func<TOptions, object?> Get, Func<TOptions, ParameterValues, TOptions> Set);
}

/// <summary>A strategy of the catalogue, which can be written to recipes.</summary>
internal interface IMethodStrategy : IMergeStrategy
{
    MergeMethod Method { get; }

    /// <inheritdoc cref="MethodDescriptor{TOptions}.Write"/>
    IEnumerable<(string Name, object Value)> Parameters { get; }

    /// <summary>The weights that replace the sources' own; null for none.</summary>
    PerSource? Weights { get; }
}

/// <summary>The base class of the catalogue's strategies. The descriptor gives name, settings and written form.</summary>
internal abstract class MethodStrategy<TOptions>(MethodDescriptor<TOptions> descriptor, TOptions options) : IMethodStrategy
    where TOptions : class
{
    public string Name => descriptor.Name;

    public string Settings => options.ToString()!;

    public MergeMethod Method => descriptor.Method;

    public IEnumerable<(string Name, object Value)> Parameters => descriptor.Write(options);

    public PerSource? Weights => descriptor.Weights(options);

    protected TOptions Options => options;

    public abstract TensorOperation Bind(TensorContext tensor);

    public override string ToString() => Settings;
}
