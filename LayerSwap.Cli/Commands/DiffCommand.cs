using System.CommandLine;

namespace LayerSwap.Cli.Commands;

internal static class DiffCommand
{
    private static readonly Dictionary<string, DiffMetric> Metrics = new(StringComparer.Ordinal)
    {
        ["mav"] = DiffMetric.MeanAbsolute,
        ["relative-mav"] = DiffMetric.RelativeMeanAbsolute,
        ["l2"] = DiffMetric.L2,
        ["relative-l2"] = DiffMetric.RelativeL2,
        ["cosine"] = DiffMetric.Cosine,
        ["changed"] = DiffMetric.Changed,
    };

    public static Command Create()
    {
        Argument<string> origin = new("BASE") { Description = "The model that was fine-tuned." };
        Argument<string[]> models = new("MODEL") { Description = "One or more models fine-tuned from it.", Arity = ArgumentArity.OneOrMore };
        Option<LayerGrouping> by = Choice.Of<LayerGrouping>("--by", "What a line stands for: layer (the default), component or tensor.", "GROUP");
        Option<string> rank = new("--rank") { Description = "What to rank by: mav (mean absolute change, the default), relative-mav, l2, relative-l2, cosine or changed.", DefaultValueFactory = _ => "mav", HelpName = "METRIC" };
        Option<int?> top = Choice.Number("--top", "Show only the N most changed of each model.");
        Option<int?> threads = Choice.Number("--threads", "The number of threads; all processors by default.");
        Option<string?> json = new("--json") { Description = "Write JSON to FILE; - for stdout.", HelpName = "FILE" };
        Option<string?> csv = new("--csv") { Description = "Write CSV to FILE; - for stdout.", HelpName = "FILE" };
        Option<string?> markdown = new("--markdown") { Description = "Write Markdown to FILE; - for stdout.", HelpName = "FILE" };
        Command command = new("diff", "Measures what fine-tuning changed, per layer, component or tensor, for one or several models at once.\n\nExample: layerswap diff llama-8b llama-8b-math llama-8b-swahili --by layer --rank mav")
        {
            origin, models, by, rank, top, threads, json, csv, markdown,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            using OpenModels open = new();
            if (!Metrics.TryGetValue(parsed.GetValue(rank)!, out DiffMetric metric))
            {
                throw new UsageException($"--rank {parsed.GetValue(rank)}: one of {string.Join(", ", Metrics.Keys)} is expected.");
            }

            if (new[] { parsed.GetValue(json), parsed.GetValue(csv), parsed.GetValue(markdown) }.Count(f => f == "-") > 1)
            {
                throw new UsageException("only one of --json, --csv and --markdown can go to stdout; give the others a file.");
            }

            if (parsed.GetValue(top) is < 1)
            {
                throw new UsageException($"--top {parsed.GetValue(top)}: 1 or more is expected.");
            }

            if (parsed.GetValue(threads) is < 1 or > 1024)
            {
                throw new UsageException($"--threads {parsed.GetValue(threads)}: 1 to 1024 is expected.");
            }

            LayerDiff diff = LayerDiff.From(open[parsed.GetValue(origin)!]).To([.. parsed.GetValue(models)!.Select(m => open[m])]).GroupBy(parsed.GetValue(by)).RankBy(metric);
            diff = parsed.GetValue(threads) is { } count ? diff.OnThreads(count) : diff;
            LayerDiffReport report = await new Terminal(parsed).WithProgress("comparing", progress => diff.RunAsync(progress, cancellation));
            if (parsed.GetValue(top) is { } most)
            {
                report = report.Top(most);
            }

            (string? Path, Func<string> Text, Action<string> Save)[] outputs =
            [
                (parsed.GetValue(json), report.ToJson, report.SaveJson),
                (parsed.GetValue(csv), report.ToCsv, report.SaveCsv),
                (parsed.GetValue(markdown), report.ToMarkdown, report.SaveMarkdown),
            ];
            foreach ((string? path, Func<string> text, Action<string> save) in outputs.Where(o => o.Path is not null))
            {
                Terminal.Save(path!, text(), save);
            }

            if (!Array.Exists(outputs, o => o.Path == "-"))
            {
                Terminal.Result(report.ToString());
            }

            return ExitCode.Done;
        });
        return command;
    }
}
