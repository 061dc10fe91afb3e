using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace LayerSwap.Cli.Commands;

/// <summary>Executes a plan in JSON, whole or in parts, by its original command, if that still gives the same plan.</summary>
internal static class RunCommand
{
    private const string Threads = "--threads";

    public static Command Create(RootCommand root)
    {
        Option<string?> part = new("--part")
        {
            Description = "One part of several, such as 3/16; by default the whole plan is executed.",
            HelpName = "I/N",
        };
        Option<bool> resume = new("--resume")
        {
            Description = "Continue an interrupted run of the whole plan, or start if there is none; parts always resume.",
        };
        Command command = new(
            "run",
            "Executes a plan, or one part of it, on this or any machine that shares the file system.\n\n"
                + "Example: layerswap plan swap --task math --language swahili -o both --json > plan.json\n"
                + "         layerswap run plan.json --part 1/4");
        command.Options.Add(part);
        command.Options.Add(resume);
        Add(root, command, parsed =>
        {
            string[] partArguments = parsed.GetValue(part) is { } text ? ["--part", text] : [];
            string[] resumeArguments = parsed.GetValue(resume) ? ["--resume"] : [];
            return [.. partArguments, .. resumeArguments];
        });
        return command;
    }

    public static Command CreateFinish(RootCommand root)
    {
        Command command = new(
            "finish",
            "Combines the parts of a plan into one output, when all parts are done.\n\nExample: layerswap finish plan.json");
        Add(root, command, _ => ["--finish"]);
        return command;
    }

    private static void Add(RootCommand root, Command command, Func<ParseResult, string[]> options)
    {
        Argument<string> plan = new("PLAN") { Description = "The output of `layerswap plan swap|merge ... -o OUT --json`." };
        Option<int?> threads = OptionFactory.CreateInteger(
            Threads,
            "The number of threads on this machine; by default the plan's, or all processors.");
        command.Arguments.Add(plan);
        command.Options.Add(threads);
        command.SetAction((parsed, cancellation) =>
        {
            PlanFile file = PlanFile.Read(parsed.GetValue(plan)!);
            if (!Directory.Exists(file.Folder))
            {
                throw new UsageException($"the plan was made in {Printable.Escape(file.Folder)}, which is not there on this machine. "
                    + "Parts need a file system that all machines have at the same path.");
            }

            Environment.CurrentDirectory = file.Folder;
            List<string> arguments = [.. file.Arguments];
            string[] added = options(parsed);
            if (parsed.GetValue(threads) is { } count)
            {
                if (arguments.IndexOf(Threads) is >= 0 and int index)
                {
                    arguments.RemoveRange(index, 2);
                }

                added = [.. added, Threads, count.ToString(CultureInfo.InvariantCulture)];
            }

            // Global options of this command apply unless the plan has them.
            IEnumerable<string> globalOptions = root.Options
                .Select(parsed.GetResult)
                .OfType<OptionResult>()
                .Where(o => !o.Implicit && !arguments.Contains(o.IdentifierToken!.Value))
                .SelectMany(o => o.Tokens.Select(t => t.Value).Prepend(o.IdentifierToken!.Value));
            // Insert after the command's name, not at the end: options after -- would be paths.
            int afterCommand = arguments.FindIndex(a => a is "swap" or "merge") + 1;
            arguments.InsertRange(afterCommand, [.. added, "--planned", file.Path, .. globalOptions]);
            ParseResult planned = root.Parse(arguments, ExitCode.Parsing);
            if (planned.Errors.Count > 0)
            {
                throw new UsageException($"the command in {Printable.Escape(file.Path)} is none of this version: "
                    + $"{Printable.Escape(planned.Errors[0].Message)} Remedy: plan again.");
            }

            InvocationConfiguration configuration = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return planned.InvokeAsync(configuration, cancellation);
        });
    }
}
