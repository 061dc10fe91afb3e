using System.CommandLine;

namespace LayerSwap.Cli;

/// <summary>The option --rule, which takes layers, kinds or tensors from one model.</summary>
internal sealed class RuleOption
{
    private const string Take = "=take:", Example = "'visual.=take:math'";

    private readonly Option<string[]> _rule;
    private readonly (string Word, Func<ParseResult, string?> Path)[] _roles;

    /// <param name="command">The command that gets the option.</param>
    /// <param name="roles">Options whose name, without hyphens, can be used instead of their model's path.</param>
    public RuleOption(Command command, params Option<string?>[] roles)
    {
        _roles = [.. roles.Select(r => (r.Name.TrimStart('-'), (Func<ParseResult, string?>)(parsed => parsed.GetValue(r))))];
        _rule = new("--rule")
        {
            Description = "Take the tensors of WHERE from MODEL, bytes unchanged; the last matching rule wins. "
                + "WHERE is layers:0-4,31, kind:norm, stack:NAME, or a part of tensor names. "
                + $"MODEL is a path, or {string.Join(" or ", _roles.Select(r => r.Word))}. "
                + $"May be given several times. Example: --rule {Example}",
            HelpName = "WHERE=take:MODEL",
        };
        command.Options.Add(_rule);
    }

    /// <summary>Whether the command line has a rule.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_rule) is { Length: > 0 };

    /// <summary>Adds the rules to a merge.</summary>
    /// <exception cref="UsageException">The value is not a rule.</exception>
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
            string? from = role is null ? model : path!(parsed);
            builder = builder.Swap(selector, open[from
                ?? throw new UsageException($"--rule {text}: there is no --{role}. A folder of this name is written ./{role}.")]);
        }

        return builder;
    }
}
