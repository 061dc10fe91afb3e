using System.CommandLine;

namespace LayerSwap.Cli;

/// <summary>The option by which single tensors, layers or kinds are taken from one model.</summary>
internal sealed class RuleOption
{
    private const string Take = "=take:", Example = "'visual.=take:math'";

    private readonly Option<string[]> _rule;
    private readonly (string Word, Func<ParseResult, string?> Path)[] _roles;

    /// <param name="command">The command that gets the option.</param>
    /// <param name="roles">Options whose name, without hyphens, can stand for the model given there.</param>
    public RuleOption(Command command, params Option<string?>[] roles)
    {
        _roles = [.. roles.Select(r => (r.Name.TrimStart('-'), (Func<ParseResult, string?>)(parsed => parsed.GetValue(r))))];
        _rule = new("--rule")
        {
            Description = $"Take what WHERE names from MODEL, bytes unchanged; the last rule that fits wins. WHERE is layers:0-4,31, kind:norm, stack:NAME, or a part of tensors' names. MODEL is a path, or "
                + $"{string.Join(" or ", _roles.Select(r => r.Word))}. May be given several times. Example: --rule {Example}",
            HelpName = "WHERE=take:MODEL",
        };
        command.Options.Add(_rule);
    }

    /// <summary>Whether any rule was typed.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_rule) is { Length: > 0 };

    /// <summary>Adds the rules to a merge.</summary>
    /// <exception cref="UsageException">What was typed is no rule.</exception>
    public MergeBuilder Apply(MergeBuilder builder, ParseResult parsed, OpenModels open)
    {
        foreach (string text in parsed.GetValue(_rule) ?? [])
        {
            string[] parts = text.Split(Take, 2);
            if (parts is not [var where, { Length: > 0 } model])
            {
                throw new UsageException($"--rule {text}: WHERE=take:MODEL is expected, such as {Example}.");
            }

            LayerSelector selector;
            try
            {
                selector = Layers.Parse(where);
            }
            catch (FormatException e)
            {
                throw new UsageException($"--rule {text}: {e.Message}");
            }

            (string? role, Func<ParseResult, string?>? path) = Array.Find(_roles, r => r.Word == model);
            builder = builder.Swap(selector, open[role is null ? model : path!(parsed) ?? throw new UsageException($"--rule {text}: there is no --{role}. A folder of this name is written ./{role}.")]);
        }

        return builder;
    }
}
