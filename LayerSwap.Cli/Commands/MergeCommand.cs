using System.CommandLine;
using System.Globalization;

namespace LayerSwap.Cli.Commands;

internal static class MergeCommand
{
    public static Command Create(bool planOnly)
    {
        Argument<string?> recipe = new("RECIPE")
        {
            Description = "A recipe: YAML as for mergekit (docs/recipes.md). Its models are searched relative to it, then in --models.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Argument<string?> target = new("OUT")
        {
            Description = "The folder to write a recipe's result to; as -o OUT.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string[]> folders = new("--models")
        {
            Description = "A folder in which a recipe's models are searched; may be given several times.",
            HelpName = "DIR",
        };
        Option<string?> method = new("--method")
        {
            Description = "The method, one of:\n" + string.Join('\n', MergeStrategies.Methods.Select(m => $"{m.Name}: {m.Summary}")),
            HelpName = "NAME",
        };
        Option<string?> @base = new("--base")
        {
            Description = "The model the others were fine-tuned from, for methods that need one. It provides config and tokenizer.",
            HelpName = "DIR",
        };
        Option<string[]> models = new("--model")
        {
            Description = "A model, optionally with a weight: --model math=0.6. Once for each model. "
                + "BASE+ADAPTER is a base with a LoRA adapter; an adapter alone uses --base, or the base that it names.",
            HelpName = "DIR[=WEIGHT]",
        };
        Option<string[]> parameters = new("--parameter", "-p")
        {
            Description = "A parameter of the method:\n" + string.Join(
                '\n',
                MergeStrategies.Methods.Where(m => m.Parameters.Count > 0).Select(m => $"{m.Name}: {ParameterNames(m)}")),
            HelpName = "NAME=VALUE",
        };
        Command command = new(
            "merge",
            "Merges models by a recipe, or by a method.\n\n"
                + "Example: layerswap merge recipe.yml out --models ~/models\n"
                + "Example: layerswap merge --method task_arithmetic --base llama-8b --model math=0.6 --model swahili=0.4 "
                + "-p lambda=0.8 -o out") { recipe, target, folders, method, @base, models, parameters };
        RuleOption rules = new(command, @base);
        OutputOptions output = new(command, planOnly);
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(recipe) is { } file)
            {
                Option? conflict = Array.Find<Option>([method, @base, models, parameters], o => parsed.GetResult(o) is { Implicit: false });
                RequireOnlyRecipe(Printable.Escape(file), conflict?.Name);
                string[] searched = parsed.GetValue(folders) ?? [];
                return await FromRecipeAsync(file, parsed, output, searched, parsed.GetValue(target), cancellation);
            }

            using OpenModels open = output.Inputs.Open(parsed, @base: parsed.GetValue(@base));
            if (parsed.GetValue(method) is not { } name || parsed.GetValue(models) is not { Length: > 0 })
            {
                throw new UsageException("a recipe, or --method NAME and at least one --model DIR are needed.");
            }

            MergeMethod chosen = MergeStrategies.Find(name);
            if (chosen.NeedsBase && parsed.GetValue(@base) is null)
            {
                throw new UsageException($"{chosen.Name} needs --base DIR, the model the others were fine-tuned from.");
            }

            IMergeStrategy strategy = chosen.Create(Parameters(parsed.GetValue(parameters) ?? [], chosen));
            ICheckpoint? baseModel = open.GetOrNull(parsed.GetValue(@base));
            MergeBuilder builder = (baseModel is null ? Merge.WithoutBase() : Merge.Onto(baseModel)).Using(strategy);
            foreach (string model in parsed.GetValue(models)!)
            {
                (string path, double weight) = ParseModel(model);
                // As in recipes, a base among the models is not a source.
                if (!chosen.UsesBase || open[path] != baseModel)
                {
                    builder = builder.With(open[path], weight);
                }
            }

            return await output.PlanAndExecuteAsync(rules.Apply(builder, parsed, open), parsed, cancellation);

            void RequireOnlyRecipe(string file, string? conflict)
            {
                if (conflict is not null)
                {
                    string hint = conflict == models.Name ? ", and --models DIR is where its models are searched" : "";
                    throw new UsageException($"both a recipe ({file}) and {conflict} were given; a recipe has its own{hint}.");
                }

                if (rules.IsGiven(parsed))
                {
                    throw new UsageException($"both a recipe ({file}) and --rule were given; "
                        + "write `rules: [{filter: WHERE, source: MODEL}]` into the recipe.");
                }

                if (output.Inputs.FindRecipeConflict(parsed) is var (option, key))
                {
                    throw new UsageException($"both a recipe ({file}) and {option} were given; write `{key}` into the recipe.");
                }
            }
        });
        return command;
    }

    private static async Task<int> FromRecipeAsync(
        string path,
        ParseResult parsed,
        OutputOptions output,
        string[] folders,
        string? target,
        CancellationToken cancellation)
    {
        using Recipe recipe = Recipe.Load(path, folders);
        recipe.Allowed = output.Inputs.Allowed(parsed);
        MergeBuilder builder = recipe.ToMerge(output.Seed(parsed));
        Terminal terminal = new(parsed);
        foreach (string note in recipe.Notes)
        {
            terminal.WriteNote($"note: {note}");
        }

        return await output.PlanAndExecuteAsync(builder, parsed, cancellation, target);
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
                throw new UsageException($"-p {text}: NAME=VALUE is expected, once for each name, the value {Expected(parameter)}. "
                    + $"{method.Name} has {ParameterNames(method)}.");
            }
        }

        return values;
    }

    private static string ParameterNames(MergeMethod method) => string.Join(", ", method.Parameters.Select(p => p.Name));

    /// <summary>Splits off the weight. The text after the last = is a weight only if it is a number, because paths may contain =.</summary>
    private static (string Path, double Weight) ParseModel(string text)
    {
        int equals = text.LastIndexOf('=');
        return equals > 0 && TryParseFinite(text[(equals + 1)..], out double weight) ? (text[..equals], weight) : (text, 1);
    }

    private static string Expected(MergeParameter? parameter) =>
        parameter is { Words: { Count: > 0 } words } ? string.Join(" or ", words) : "a number, true or false";

    private static bool TryParseFinite(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);
}
