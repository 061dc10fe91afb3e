using System.CommandLine;

namespace LayerSwap.Cli;

/// <summary>The options by which models are read: what swap, merge, plan and diff share.</summary>
internal sealed class InputOptions
{
    private const string Experts = "experts";

    private static readonly string Words = string.Join(", ", NamePrefix.Known.Keys.Append(Experts).Order(StringComparer.Ordinal));

    private readonly Option<InputCautions[]> _allow =
        Choice.Several<InputCautions>("--allow", "Lift a check that is about caution: index (believe the shards), model_type or layers. May be given several times.", "KIND");

    private readonly Option<string[]> _map = new("--map")
    {
        Description = "Names of tensors that begin with OLD begin with NEW instead, in every model that has OLD and not NEW; or one of " + Words + " (experts: packed ones one by one). May be given several times.",
        HelpName = "OLD=NEW",
    };

    private readonly Option<string?> _stack = new("--stack")
    {
        Description = "The stack that layers are counted in, where a model has several, such as encoder.block (layerswap inspect shows them); the language model's decoder by default.",
        HelpName = "NAME",
    };

    public InputOptions(Command command)
    {
        command.Options.Add(_allow);
        command.Options.Add(_map);
        command.Options.Add(_stack);
    }

    /// <summary>The checks that are lifted.</summary>
    public InputCautions Allowed(ParseResult parsed) => (parsed.GetValue(_allow) ?? []).Aggregate(InputCautions.None, (a, b) => a | b);

    /// <exception cref="UsageException">What was typed is no prefix.</exception>
    public OpenModels Open(ParseResult parsed)
    {
        string[] map = parsed.GetValue(_map) ?? [];
        return new OpenModels(Allowed(parsed), parsed.GetValue(_stack), map.Contains(Experts, StringComparer.Ordinal), [.. map.Where(m => m != Experts).SelectMany(m =>
            NamePrefix.TryParse(m) ?? throw new UsageException($"--map {m}: OLD=NEW, or one of {Words}, is expected."))]);
    }

    /// <summary>What was typed that a recipe says itself, as it is written there; null for nothing.</summary>
    public (string Option, string Key)? BesideRecipe(ParseResult parsed) => parsed.GetValue(_map) is { Length: > 0 } ? (_map.Name, "map: [OLD=NEW]") : parsed.GetValue(_stack) is not null ? (_stack.Name, "stack: NAME") : null;
}
