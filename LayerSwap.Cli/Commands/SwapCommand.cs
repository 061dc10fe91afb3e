using System.CommandLine;
using System.Globalization;

namespace LayerSwap.Cli.Commands;

internal static class SwapCommand
{
    private const int PaperLayers = 32;

    public static Command Create(bool planOnly)
    {
        Option<string?> task = new("--task") { Description = "The expert of the task, whose middle layers stay; it gives config and tokenizer.", Required = true, HelpName = "DIR" };
        Option<string?> language = new("--language") { Description = "The expert of the language, whose outer layers come in.", Required = true, HelpName = "DIR" };
        Option<string?> origin = new("--base") { Description = "The model both were fine-tuned from; needed by --weights proportional or inverse, and by the policy base.", HelpName = "DIR" };
        Option<int?> bottom = Choice.Number("--bottom", "Layers at the bottom from the language expert; 5 by default, the paper's for 32 layers.");
        Option<int?> top = Choice.Number("--top", "Layers at the top from the language expert; 2 by default.");
        Option<int?> transition = Choice.Number("--transition", "Averaged layers at each seam; 1 by default.");
        Option<int?> transitionBottom = Choice.Number("--transition-bottom", "Averaged layers at the lower seam.");
        Option<int?> transitionTop = Choice.Number("--transition-top", "Averaged layers at the upper seam.");
        Option<string?> preset = new("--preset") { Description = "Numbers by name: paper (5, 2, 1), follow-up (6, 2, 0) or paper-scaled (the paper's, scaled from 32 layers to the model's).", HelpName = "NAME" };
        Option<bool> suggest = new("--suggest") { Description = "Find --bottom, --top and --transition from what each expert changed; needs --base, and reads all three models." };
        Option<string?> weights = new("--weights") { Description = "Weights where the two are averaged: T,L such as 0.7,0.3, or proportional, or inverse (to each one's change; needs --base). Equal by default.", HelpName = "T,L" };
        Option<OutsidePolicy> embeddings = Policy("--embeddings", "The embeddings");
        Option<OutsidePolicy> norm = Policy("--norm", "The final normalisation");
        Option<OutsidePolicy> head = Policy("--head", "The output head");
        Option<OutsidePolicy> others = Policy("--others", "All else outside the layers");
        Command command = new("swap", "Layer swapping: the language expert's outer layers, the task expert's middle, a transition between.\n\nExample: layerswap swap --task llama-8b-math --language llama-8b-swahili -o llama-8b-math-swahili")
        {
            task, language, origin, bottom, top, transition, transitionBottom, transitionTop, preset, suggest, weights, embeddings, norm, head, others,
        };
        RuleOption rules = new(command, task, language, origin);
        OutputOptions output = new(command, planOnly);
        command.SetAction(async (parsed, cancellation) =>
        {
            using OpenModels open = output.Inputs.Open(parsed);
            ICheckpoint taskModel = open[parsed.GetValue(task)!], languageModel = open[parsed.GetValue(language)!];
            int layers = LayerMap.Of(taskModel).LayerCount;
            LayerSwapOptions chosen = parsed.GetValue(preset) is { } name ? LayerSwapOptions.Preset(name, Math.Max(layers, 1)) : LayerSwapOptions.Paper;
            if (parsed.GetValue(suggest))
            {
                ICheckpoint from = open.OrNull(parsed.GetValue(origin)) ?? throw new UsageException("--suggest needs --base DIR, the model both experts were fine-tuned from.");
                chosen = await SuggestAsync(new Terminal(parsed), from, taskModel, languageModel, cancellation);
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
            if (parsed.GetValue(origin) is null && (chosen.Weights == TransitionWeights.Proportional || chosen.Weights == TransitionWeights.InverselyProportional))
            {
                throw new UsageException($"--weights {parsed.GetValue(weights)} needs --base DIR, the model both experts were fine-tuned from.");
            }

            if (parsed.GetValue(origin) is null && Array.Find([embeddings, norm, head, others], o => parsed.GetValue(o) == OutsidePolicy.Base) is { } fromBase)
            {
                throw new UsageException($"{fromBase.Name} base needs --base DIR, the model both experts were fine-tuned from.");
            }

            if (layers != PaperLayers && parsed.GetValue(preset) is null && !parsed.GetValue(suggest) && (parsed.GetValue(bottom) is null || parsed.GetValue(top) is null))
            {
                new Terminal(parsed).Note($"note: the defaults are the paper's for {PaperLayers} layers; this model has {layers}. Choose --bottom and --top, or --preset paper-scaled.");
            }

            // Who runs the plan later need not find the numbers again.
            string[]? arguments = !parsed.GetValue(suggest) ? null
                : [.. PlanFile.Typed(parsed, suggest.Name), .. Unless(bottom, chosen.Bottom), .. Unless(top, chosen.Top),
                    .. parsed.GetValue(transition) is null ? [.. Unless(transitionBottom, chosen.TransitionBottom), .. Unless(transitionTop, chosen.TransitionTop)] : Array.Empty<string>()];
            MergeBuilder builder = Merge.LayerSwap(taskModel, languageModel, chosen, open.OrNull(parsed.GetValue(origin)));
            return await output.FinishAsync(rules.Apply(builder, parsed, open), parsed, cancellation, arguments: arguments);

            string[] Unless(Option<int?> option, int value) => parsed.GetValue(option) is null ? [option.Name, value.ToString(CultureInfo.InvariantCulture)] : [];
        });
        return command;
    }

    private static async Task<LayerSwapOptions> SuggestAsync(Terminal terminal, ICheckpoint origin, ICheckpoint task, ICheckpoint language, CancellationToken cancellation)
    {
        LayerDiffReport diff = await terminal.WithProgress("comparing", p => LayerDiff.From(origin).To(task, language).RunAsync(p, cancellation));
        foreach (DiffVerdict verdict in diff.Verdicts)
        {
            terminal.Note("warning: " + verdict.Message);
        }

        SwapSuggestion suggestion = diff.Suggest();
        if (!suggestion.HasStructure)
        {
            throw new UsageException($"--suggest: {suggestion.Reason} Remedy: choose --bottom and --top yourself, or another method (task_arithmetic).");
        }

        terminal.Note("suggested: " + suggestion.Reason);
        if (suggestion.Outer != language.Name && suggestion.TurnedRound() is { } turned)
        {
            suggestion = turned;
        }

        if (suggestion.Outer != language.Name)
        {
            throw new UsageException($"--suggest: {suggestion.Reason} That is the task expert outside and the language expert within, the other way round than asked. Remedy: exchange --task and --language, or choose --bottom and --top yourself.");
        }

        return suggestion.ToOptions();
    }

    private static Option<OutsidePolicy> Policy(string name, string what) =>
        Choice.Of<OutsidePolicy>(name, $"{what}: average (the default), task, language or base.", "POLICY");

    private static int? NotNegative(string option, int? value) =>
        value < 0 ? throw new UsageException($"{option} {value}: zero or more is expected.") : value;

    private static TransitionWeights ParseWeights(string text)
    {
        string[] parts = text.Split(',');
        return text == "proportional" ? TransitionWeights.Proportional
            : text == "inverse" ? TransitionWeights.InverselyProportional
            : parts.Length == 2
                && double.TryParse(parts[0], NumberStyles.Float, CultureInfo.InvariantCulture, out double task)
                && double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double language) ? TransitionWeights.Of(task, language)
            : throw new UsageException($"--weights {text}: two numbers such as 0.7,0.3, or proportional, or inverse, is expected.");
    }
}
