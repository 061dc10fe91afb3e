using System.CommandLine;
using System.Globalization;

namespace LayerSwap.Cli.Commands;

internal static class SwapCommand
{
    private const int PaperLayers = 32;
    private const string NeedsBase = "needs --base DIR, the model both experts were fine-tuned from.";

    public static Command Create(bool planOnly)
    {
        Option<string?> task = new("--task")
        {
            Description = "The task expert, whose middle layers are kept; it provides config and tokenizer.",
            Required = true,
            HelpName = "DIR",
        };
        Option<string?> language = new("--language")
        {
            Description = "The language expert, whose outer layers are taken.",
            Required = true,
            HelpName = "DIR",
        };
        Option<string?> @base = new("--base")
        {
            Description = "The model both were fine-tuned from; needed by --weights proportional or inverse, and by the policy base.",
            HelpName = "DIR",
        };
        Option<int?> bottom = OptionFactory.CreateInteger(
            "--bottom",
            "The number of bottom layers from the language expert; 5 by default, the paper's for 32 layers.");
        Option<int?> top = OptionFactory.CreateInteger("--top", "The number of top layers from the language expert; 2 by default.");
        Option<int?> transition = OptionFactory.CreateInteger("--transition", "The number of averaged layers at each seam; 1 by default.");
        Option<int?> transitionBottom = OptionFactory
            .CreateInteger("--transition-bottom", "The number of averaged layers at the lower seam.");
        Option<int?> transitionTop = OptionFactory.CreateInteger("--transition-top", "The number of averaged layers at the upper seam.");
        Option<string?> preset = new("--preset")
        {
            Description = "Numbers by name: paper (5, 2, 1), follow-up (6, 2, 0) or paper-scaled (the paper's, scaled from 32 layers "
                + "to the model's).",
            HelpName = "NAME",
        };
        Option<bool> suggest = new("--suggest")
        {
            Description = "Find --bottom, --top and --transition from both experts' deltas; needs --base, and reads all three models.",
        };
        Option<string?> weights = new("--weights")
        {
            Description = "Weights of averaged tensors: T,L such as 0.7,0.3, or proportional, or inverse (to each expert's delta; "
                + "needs --base). Equal by default.",
            HelpName = "T,L",
        };
        Option<OutsidePolicy> embeddings = Policy("--embeddings", "The embeddings");
        Option<OutsidePolicy> norm = Policy("--norm", "The final normalisation");
        Option<OutsidePolicy> head = Policy("--head", "The output head");
        Option<OutsidePolicy> others = Policy("--others", "All other tensors outside the layers");
        Command command = new(
            "swap",
            "Layer swapping: the language expert's outer layers, the task expert's middle, a transition between.\n\n"
                + "Example: layerswap swap --task llama-8b-math --language llama-8b-swahili -o llama-8b-math-swahili")
        {
            task, language, @base, bottom, top, transition, transitionBottom, transitionTop, preset, suggest, weights,
            embeddings, norm, head, others,
        };
        RuleOption rules = new(command, task, language, @base);
        OutputOptions output = new(command, planOnly);
        command.SetAction(async (parsed, cancellation) =>
        {
            using OpenModels open = output.Inputs.Open(parsed, @base: parsed.GetValue(@base));
            ICheckpoint taskModel = open[parsed.GetValue(task)!], languageModel = open[parsed.GetValue(language)!];
            int layers = LayerMap.Of(taskModel).LayerCount;
            LayerSwapOptions chosen = parsed.GetValue(preset) is { } name
                ? LayerSwapOptions.Preset(name, Math.Max(layers, 1))
                : LayerSwapOptions.Paper;
            bool hasBase = parsed.GetValue(@base) is not null;
            if (parsed.GetValue(suggest))
            {
                ICheckpoint baseModel = open.GetOrNull(parsed.GetValue(@base))
                    ?? throw new UsageException($"--suggest {NeedsBase}");
                chosen = await SuggestAsync(new Terminal(parsed), baseModel, taskModel, languageModel, cancellation);
            }

            int? both = NotNegative("--transition", parsed.GetValue(transition));
            chosen = chosen with
            {
                Bottom = NotNegative("--bottom", parsed.GetValue(bottom)) ?? chosen.Bottom,
                Top = NotNegative("--top", parsed.GetValue(top)) ?? chosen.Top,
                TransitionBottom = NotNegative("--transition-bottom", parsed.GetValue(transitionBottom) ?? both) ?? chosen.TransitionBottom,
                TransitionTop = NotNegative("--transition-top", parsed.GetValue(transitionTop) ?? both) ?? chosen.TransitionTop,
                Weights = parsed.GetValue(weights) is { } text ? ParseWeights(text) : chosen.Weights,
                Embeddings = parsed.GetValue(embeddings),
                Norm = parsed.GetValue(norm),
                Head = parsed.GetValue(head),
                Others = parsed.GetValue(others),
            };
            bool weightsNeedBase = chosen.Weights == TransitionWeights.Proportional
                || chosen.Weights == TransitionWeights.InverselyProportional;
            if (!hasBase && weightsNeedBase)
            {
                throw new UsageException($"--weights {parsed.GetValue(weights)} {NeedsBase}");
            }

            if (!hasBase
                && Array.Find([embeddings, norm, head, others], o => parsed.GetValue(o) == OutsidePolicy.Base) is { } fromBase)
            {
                throw new UsageException($"{fromBase.Name} base {NeedsBase}");
            }

            bool usesDefaults = parsed.GetValue(preset) is null
                && !parsed.GetValue(suggest)
                && (parsed.GetValue(bottom) is null || parsed.GetValue(top) is null);
            if (layers != PaperLayers && usesDefaults)
            {
                new Terminal(parsed).WriteNote($"note: the defaults are the paper's for {PaperLayers} layers; this model has {layers}. "
                    + "Choose --bottom and --top, or --preset paper-scaled.");
            }

            MergeBuilder builder = Merge.LayerSwap(taskModel, languageModel, chosen, open.GetOrNull(parsed.GetValue(@base)));
            string[]? arguments = parsed.GetValue(suggest) ? WithNumbers(parsed, chosen) : null;
            return await output.PlanAndExecuteAsync(rules.Apply(builder, parsed, open), parsed, cancellation, arguments: arguments);
        });
        return command;

        // Replaces --suggest by the numbers found, so that running the plan later does not repeat the search.
        string[] WithNumbers(ParseResult parsed, LayerSwapOptions found)
        {
            string[] Number(Option<int?> option, int value) =>
                parsed.GetValue(option) is null ? [option.Name, value.ToString(CultureInfo.InvariantCulture)] : [];
            string[] transitions = parsed.GetValue(transition) is null
                ? [.. Number(transitionBottom, found.TransitionBottom), .. Number(transitionTop, found.TransitionTop)]
                : [];
            return
            [
                .. PlanFile.GetArguments(parsed, suggest.Name),
                .. Number(bottom, found.Bottom),
                .. Number(top, found.Top),
                .. transitions,
            ];
        }
    }

    private static async Task<LayerSwapOptions> SuggestAsync(
        Terminal terminal,
        ICheckpoint baseModel,
        ICheckpoint task,
        ICheckpoint language,
        CancellationToken cancellation)
    {
        LayerDiff request = LayerDiff.From(baseModel).To(task, language);
        LayerDiffReport diff = await terminal.WithProgress("comparing", p => request.RunAsync(p, cancellation));
        foreach (DiffFinding finding in diff.Findings)
        {
            terminal.WriteNote("warning: " + finding.Message);
        }

        SwapSuggestion suggestion = diff.Suggest();
        if (!suggestion.IsConclusive)
        {
            throw new UsageException($"--suggest: {suggestion.Reason} "
                + "Remedy: choose --bottom and --top yourself, or another method (task_arithmetic).");
        }

        terminal.WriteNote("suggested: " + suggestion.Reason);
        if (suggestion.Outer != language.Name && suggestion.Inverted() is { } inverted)
        {
            suggestion = inverted;
        }

        if (suggestion.Outer != language.Name)
        {
            throw new UsageException($"--suggest: {suggestion.Reason} That is the task expert outside and the language expert inside, "
                + "the opposite of this command. Remedy: exchange --task and --language, or choose --bottom and --top yourself.");
        }

        return suggestion.ToOptions();
    }

    private static Option<OutsidePolicy> Policy(string name, string tensors) =>
        OptionFactory.CreateEnum<OutsidePolicy>(name, $"{tensors}: average (the default), task, language or base.", "POLICY");

    private static int? NotNegative(string option, int? value) =>
        value < 0 ? throw new UsageException($"{option} {value}: zero or more is expected.") : value;

    private static TransitionWeights ParseWeights(string text)
    {
        switch (text)
        {
            case "proportional":
                return TransitionWeights.Proportional;
            case "inverse":
                return TransitionWeights.InverselyProportional;
        }

        string[] parts = text.Split(',');
        return parts.Length == 2
            && double.TryParse(parts[0], NumberStyles.Float, CultureInfo.InvariantCulture, out double task)
            && double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double language)
            ? TransitionWeights.Of(task, language)
            : throw new UsageException($"--weights {text}: two numbers such as 0.7,0.3, or proportional, or inverse, is expected.");
    }
}
