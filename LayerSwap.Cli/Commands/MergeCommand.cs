using System.CommandLine;
using System.Globalization;

namespace LayerSwap.Cli.Commands;

internal static class MergeCommand
{
    public static Command Create(bool planOnly)
    {
        Argument<string?> recipe = new("RECIPE") { Description = "A recipe: YAML as written for mergekit (docs/recipes.md). Its models are looked for relative to it, then in --models.", Arity = ArgumentArity.ZeroOrOne };
        Argument<string?> target = new("OUT") { Description = "The folder to write a recipe's result to; as -o OUT.", Arity = ArgumentArity.ZeroOrOne };
        Option<string[]> folders = new("--models") { Description = "A folder in which a recipe's models are looked for; may be given several times.", HelpName = "DIR" };
        Option<string?> method = new("--method") { Description = "The method, one of:\n" + string.Join('\n', MergeStrategies.Methods.Select(m => $"{m.Name}: {m.Summary}")), HelpName = "NAME" };
        Option<string?> origin = new("--base") { Description = "The model the others were fine-tuned from, for methods that need one. It gives config and tokenizer.", HelpName = "DIR" };
        Option<string[]> models = new("--model") { Description = "A model, with a weight if it has one: --model math=0.6. Once for each model.", HelpName = "DIR[=WEIGHT]" };
        Option<string[]> parameters = new("--parameter", "-p") { Description = "A parameter of the method:\n" + string.Join('\n', MergeStrategies.Methods.Where(m => m.Parameters.Count > 0).Select(m => $"{m.Name}: {string.Join(", ", m.Parameters.Select(p => p.Name))}")), HelpName = "NAME=VALUE" };
        Command command = new("merge", "Merges models by a recipe, or by a method.\n\nExample: layerswap merge recipe.yml out --models ~/models\nExample: layerswap merge --method task_arithmetic --base llama-8b --model math=0.6 --model swahili=0.4 -p lambda=0.8 -o out") { recipe, target, folders, method, origin, models, parameters };
        RuleOption rules = new(command, origin);
        OutputOptions output = new(command, planOnly);
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(recipe) is { } file)
            {
                Option? beside = Array.Find<Option>([method, origin, models, parameters], o => parsed.GetResult(o) is { Implicit: false });
                if (beside is not null)
                {
                    throw new UsageException($"both a recipe ({Printable.Escape(file)}) and {beside.Name} were given; a recipe says all that itself{(beside == models ? ", and --models DIR is where its models are looked for" : "")}.");
                }

                if (rules.IsGiven(parsed))
                {
                    throw new UsageException($"both a recipe ({Printable.Escape(file)}) and --rule were given; write `rules: [{{filter: WHERE, source: MODEL}}]` into the recipe.");
                }

                if (output.Inputs.BesideRecipe(parsed) is var (typed, key))
                {
                    throw new UsageException($"both a recipe ({Printable.Escape(file)}) and {typed} were given; write `{key}` into the recipe.");
                }

                return await FromRecipeAsync(file, parsed, output, parsed.GetValue(folders) ?? [], parsed.GetValue(target), cancellation);
            }

            using OpenModels open = output.Inputs.Open(parsed);
            if (parsed.GetValue(method) is not { } name || parsed.GetValue(models) is not { Length: > 0 })
            {
                throw new UsageException("a recipe, or --method NAME and at least one --model DIR are needed.");
            }

            MergeMethod chosen = MergeStrategies.Find(name);
            if (chosen.NeedsBase && parsed.GetValue(origin) is null)
            {
                throw new UsageException($"{chosen.Name} needs --base DIR, the model the others were fine-tuned from.");
            }

            IMergeStrategy strategy = chosen.Create(Parameters(parsed.GetValue(parameters) ?? [], chosen));
            MergeBuilder builder = (open.OrNull(parsed.GetValue(origin)) is { } b ? Merge.Onto(b) : Merge.WithoutBase()).Using(strategy);
            foreach (string model in parsed.GetValue(models)!)
            {
                (string path, double weight) = Weighted(model);
                // As recipes have it: the base among the models is the base.
                if (!chosen.UsesBase || open[path] != open.OrNull(parsed.GetValue(origin)))
                {
                    builder = builder.With(open[path], weight);
                }
            }

            return await output.FinishAsync(rules.Apply(builder, parsed, open), parsed, cancellation);
        });
        return command;
    }

    private static async Task<int> FromRecipeAsync(string path, ParseResult parsed, OutputOptions output, string[] folders, string? target, CancellationToken cancellation)
    {
        using Recipe recipe = Recipe.Load(path, folders);
        recipe.Allowed = output.Inputs.Allowed(parsed);
        MergeBuilder builder = recipe.ToMerge(output.Seed(parsed));
        Terminal terminal = new(parsed);
        foreach (string note in recipe.Notes)
        {
            terminal.Note($"note: {note}");
        }

        return await output.FinishAsync(builder, parsed, cancellation, target);
    }

    private static Dictionary<string, PerSource> Parameters(string[] texts, MergeMethod method)
    {
        Dictionary<string, PerSource> values = new(StringComparer.Ordinal);
        foreach (string text in texts)
        {
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            MergeParameter? parameter = equals <= 0 ? null : method.Parameters.FirstOrDefault(p => p.Name == text[..equals]);
            // The strategy names a parameter that the method does not have.
            double? value = equals <= 0 ? null : parameter is null ? 0 : parameter.Parse(text[(equals + 1)..]);
            if (value is null || !values.TryAdd(text[..equals], value.Value))
            {
                throw new UsageException($"-p {text}: NAME=VALUE is expected, once for each name, the value {Expected(parameter)}. {method.Name} has "
                    + $"{string.Join(", ", method.Parameters.Select(p => p.Name))}.");
            }
        }

        return values;
    }

    private static string Expected(MergeParameter? parameter) => parameter is { Words: { Count: > 0 } words } ? string.Join(" or ", words) : "a number, true or false";

    /// <summary>What follows the last equals sign is a weight if it is a number: a path may hold one too.</summary>
    private static (string Path, double Weight) Weighted(string text)
    {
        int equals = text.LastIndexOf('=');
        return equals > 0 && double.TryParse(text[(equals + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture, out double weight) && double.IsFinite(weight)
            ? (text[..equals], weight)
            : (text, 1);
    }
}
