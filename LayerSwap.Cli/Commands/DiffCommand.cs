using System.CommandLine;
using System.Globalization;

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
        Argument<string> @base = new("BASE") { Description = "The model that was fine-tuned." };
        Argument<string[]> models = new("MODEL")
        {
            Description = "One or more models fine-tuned from it.",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<LayerGrouping> by = OptionFactory.CreateEnum<LayerGrouping>(
            "--by",
            "The unit of each line: layer (the default), component or tensor.",
            "GROUP");
        Option<string> rank = new("--rank")
        {
            Description = "The metric to rank by: mav (mean absolute delta, the default), relative-mav, l2, relative-l2, cosine "
                + "or changed.",
            DefaultValueFactory = _ => "mav",
            HelpName = "METRIC",
        };
        Option<int?> top = OptionFactory.CreateInteger("--top", "Show only the N most changed of each model.");
        Option<int?> threads = OptionFactory.CreateInteger("--threads", "The number of threads; all processors by default.");
        Option<string?> json = FileOption("--json", "Write JSON to FILE; - for stdout.");
        Option<string?> csv = FileOption("--csv", "Write CSV to FILE; - for stdout.");
        Option<string?> markdown = FileOption("--markdown", "Write Markdown to FILE; - for stdout.");
        Option<string?> html = FileOption("--html", "Write one HTML page with pictures, suggestion and tables to FILE; - for stdout.");
        Option<string?> svg = new("--svg") { Description = "Write each picture as an SVG file into DIR.", HelpName = "DIR" };
        Option<bool> profiles = new("--profiles")
        {
            Description = "Also measure every row and column: strips in the page, profiles and heads in JSON, row overlap of models. "
                + "Needs 8 bytes for each.",
        };
        Option<string?> threshold = new("--threshold")
        {
            Description = "Show the share of rows and columns with a mean absolute delta above X: a number, "
                + "or a percentage for the quantile over all layers of a component. Implies --profiles.",
            HelpName = "X",
        };
        Command command = new(
            "diff",
            "Measures what fine-tuning changed, per layer, component or tensor, for one or several models at once.\n\n"
                + "Example: layerswap diff llama-8b llama-8b-math llama-8b-swahili --by layer --html diff.html --profiles")
        {
            @base, models, by, rank, top, threads, json, csv, markdown, html, svg, profiles, threshold,
        };
        InputOptions inputs = new(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using OpenModels open = inputs.Open(parsed);
            if (!Metrics.TryGetValue(parsed.GetValue(rank)!, out DiffMetric metric))
            {
                throw new UsageException($"--rank {parsed.GetValue(rank)}: one of {string.Join(", ", Metrics.Keys)} is expected.");
            }

            int toStdout = new[] { json, csv, markdown, html }.Count(o => parsed.GetValue(o) == "-");
            if (toStdout > 1)
            {
                throw new UsageException("only one of --json, --csv, --markdown and --html can go to stdout; give the others a file.");
            }

            DiffThreshold? above = parsed.GetValue(threshold) is { } given ? ParseThreshold(given) : null;
            if (above is not null && toStdout > 0)
            {
                throw new UsageException("--threshold prints a table to stdout; give --json, --csv, --markdown or --html a file.");
            }

            if (parsed.GetValue(top) is < 1)
            {
                throw new UsageException($"--top {parsed.GetValue(top)}: 1 or more is expected.");
            }

            if (parsed.GetValue(threads) is < 1 or > 1024)
            {
                throw new UsageException($"--threads {parsed.GetValue(threads)}: 1 to 1024 is expected.");
            }

            LayerDiff diff = LayerDiff.From(open[parsed.GetValue(@base)!])
                .To([.. parsed.GetValue(models)!.Select(m => open[m])])
                .GroupBy(parsed.GetValue(by))
                .RankBy(metric);
            diff = parsed.GetValue(threads) is { } count ? diff.OnThreads(count) : diff;
            diff = parsed.GetValue(profiles) || above is not null ? diff.WithProfiles() : diff;
            LayerDiffReport report = await new Terminal(parsed)
                .WithProgress("comparing", progress => diff.RunAsync(progress, cancellation));
            if (parsed.GetValue(top) is { } most)
            {
                report = report.Top(most);
            }

            (string? Path, Func<string> Text, Action<string> Save)[] outputs =
            [
                (parsed.GetValue(json), report.ToJson, report.SaveJson),
                (parsed.GetValue(csv), report.ToCsv, report.SaveCsv),
                (parsed.GetValue(markdown), report.ToMarkdown, report.SaveMarkdown),
                (parsed.GetValue(html), () => report.ToHtml(), path => report.SaveHtml(path)),
            ];
            foreach ((string? path, Func<string> text, Action<string> save) in outputs.Where(o => o.Path is not null))
            {
                Terminal.SaveOrPrint(path!, text(), save);
            }

            if (parsed.GetValue(svg) is { } folder)
            {
                report.SavePictures(folder);
            }

            if (toStdout == 0)
            {
                Terminal.WriteResult(report.ToString());
                if (above is not null)
                {
                    Terminal.WriteResult($"\nrows and columns above {above}\n{report.SharesAbove(above).ToText()}");
                }
            }

            return ExitCode.Success;
        });
        return command;
    }

    private static Option<string?> FileOption(string name, string description) =>
        new(name) { Description = description, HelpName = "FILE" };

    private static DiffThreshold ParseThreshold(string text)
    {
        bool isPercentage = text.EndsWith('%');
        string number = isPercentage ? text[..^1] : text;
        if (double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            && value >= 0
            && (isPercentage ? value <= 100 : double.IsFinite(value)))
        {
            return isPercentage ? DiffThreshold.Quantile(value / 100) : DiffThreshold.Absolute(value);
        }

        throw new UsageException($"--threshold {text}: a number of 0 or more is expected, or a percentage from 0% to 100%.");
    }
}
