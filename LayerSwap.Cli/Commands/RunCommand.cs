using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace LayerSwap.Cli.Commands;

/// <summary>Works a plan that was written as JSON, whole, in parts, or to its end: by the command that it is the plan of, where that would still make the same output.</summary>
internal static class RunCommand
{
    private const string Threads = "--threads";

    public static Command Create(RootCommand root)
    {
        Option<string?> part = new("--part") { Description = "One part of several, such as 3/16; without it the whole plan is worked.", HelpName = "I/N" };
        Option<bool> resume = new("--resume") { Description = "Go on where a run of the whole plan ended before its end, or start if there is none; parts always do." };
        Command command = new("run", "Works a plan, or one part of it, here or on any machine that shares the file system.\n\n"
            + "Example: layerswap plan swap --task math --language swahili -o both --json > plan.json\n         layerswap run plan.json --part 1/4");
        command.Options.Add(part);
        command.Options.Add(resume);
        Add(root, command, parsed => [.. parsed.GetValue(part) is { } text ? ["--part", text] : Array.Empty<string>(), .. parsed.GetValue(resume) ? ["--resume"] : Array.Empty<string>()]);
        return command;
    }

    public static Command CreateFinish(RootCommand root)
    {
        Command command = new("finish", "Makes one output of the parts of a plan, when all of them are done.\n\nExample: layerswap finish plan.json");
        Add(root, command, _ => ["--finish"]);
        return command;
    }

    private static void Add(RootCommand root, Command command, Func<ParseResult, string[]> options)
    {
        Argument<string> plan = new("PLAN") { Description = "What `layerswap plan swap|merge ... -o OUT --json` printed." };
        Option<int?> threads = Choice.Number(Threads, "The number of threads on this machine; those of the plan, or all processors, by default.");
        command.Arguments.Add(plan);
        command.Options.Add(threads);
        command.SetAction((parsed, cancellation) =>
        {
            PlanFile file = PlanFile.Read(parsed.GetValue(plan)!);
            if (!Directory.Exists(file.Folder))
            {
                throw new UsageException($"the plan was made in {Printable.Escape(file.Folder)}, which is not there on this machine. Parts need a file system that all machines have at the same place.");
            }

            Environment.CurrentDirectory = file.Folder;
            List<string> arguments = [.. file.Arguments];
            string[] more = options(parsed);
            if (parsed.GetValue(threads) is { } count)
            {
                if (arguments.IndexOf(Threads) is >= 0 and int at)
                {
                    arguments.RemoveRange(at, 2);
                }

                more = [.. more, Threads, count.ToString(CultureInfo.InvariantCulture)];
            }

            // What is shown is who runs it to say, unless the plan does.
            IEnumerable<string> shown = root.Options.Select(parsed.GetResult).OfType<OptionResult>().Where(o => !o.Implicit && !arguments.Contains(o.IdentifierToken!.Value))
                .SelectMany(o => o.Tokens.Select(t => t.Value).Prepend(o.IdentifierToken!.Value));
            // Behind the command's name, not at the end: there may be a -- between.
            arguments.InsertRange(arguments.FindIndex(a => a is "swap" or "merge") + 1, [.. more, "--planned", file.Path, .. shown]);
            ParseResult planned = root.Parse(arguments, ExitCode.Parsing);
            return planned.Errors.Count == 0 ? planned.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, cancellation)
                : throw new UsageException($"the command in {Printable.Escape(file.Path)} is none of this version: {Printable.Escape(planned.Errors[0].Message)} Remedy: plan again.");
        });
    }
}
