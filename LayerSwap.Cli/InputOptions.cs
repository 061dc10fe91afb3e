using System.CommandLine;

namespace LayerSwap.Cli;

/// <summary>The input options of swap, merge, plan, diff and inspect.</summary>
internal sealed class InputOptions
{
    private const string Experts = "experts";

    private static readonly string Words = string.Join(", ", NamePrefix.Known.Keys.Append(Experts).Order(StringComparer.Ordinal));

    private readonly Option<InputCautions[]> _allow = OptionFactory.CreateEnumList<InputCautions>(
        "--allow",
        "Skip a precaution: index (trust the shards), model_type or layers. May be given several times.",
        "KIND");

    private readonly Option<string[]> _map = new("--map")
    {
        Description = "Replace the prefix OLD of tensor names with NEW, in every model that has OLD and not NEW; or one of "
            + Words + " (experts: unpack packed experts). May be given several times.",
        HelpName = "OLD=NEW",
    };

    private readonly Option<string?> _stack = new("--stack")
    {
        Description = "The stack whose layers are counted if a model has several, such as encoder.block "
            + "(layerswap inspect shows them); the language model's decoder by default.",
        HelpName = "NAME",
    };

    public InputOptions(Command command)
    {
        command.Options.Add(_allow);
        command.Options.Add(_map);
        command.Options.Add(_stack);
    }

    /// <summary>Creates --key, for commands that read one checkpoint.</summary>
    public static Option<string?> CreateKey() => new("--key")
    {
        Description = "The dictionary inside a PyTorch file that is the model, such as checkpoint.model; found by default.",
        HelpName = "NAME",
    };

    /// <summary>Returns the precautions to skip.</summary>
    public InputCautions Allowed(ParseResult parsed) =>
        (parsed.GetValue(_allow) ?? []).Aggregate(InputCautions.None, (a, b) => a | b);

    /// <exception cref="UsageException">A value of --map is not a prefix.</exception>
    /// <param name="parsed">The command line.</param>
    /// <param name="key">The dictionary of PyTorch files that is the model; null to find it.</param>
    /// <param name="base">The base of adapters; null for the one that each names.</param>
    public OpenModels Open(ParseResult parsed, string? key = null, string? @base = null)
    {
        string[] map = parsed.GetValue(_map) ?? [];
        NamePrefix[] prefixes =
        [
            .. map.Where(m => m != Experts).SelectMany(m => NamePrefix.TryParse(m)
                ?? throw new UsageException($"--map {m}: OLD=NEW, or one of {Words}, is expected.")),
        ];
        bool unpackExperts = map.Contains(Experts, StringComparer.Ordinal);
        OpenOptions options = new() { Allowed = Allowed(parsed), Key = key, Base = @base };
        return new OpenModels(options, parsed.GetValue(_stack), unpackExperts, prefixes);
    }

    /// <summary>Returns the first option that a recipe has a key for, and the key as YAML; or null.</summary>
    public (string Option, string Key)? FindRecipeConflict(ParseResult parsed)
    {
        if (parsed.GetValue(_map) is { Length: > 0 })
        {
            return (_map.Name, "map: [OLD=NEW]");
        }

        return parsed.GetValue(_stack) is not null ? (_stack.Name, "stack: NAME") : null;
    }
}
