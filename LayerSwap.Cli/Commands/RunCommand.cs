using System.CommandLine;

namespace LayerSwap.Cli.Commands;

/// <summary>Works a plan that was written as JSON, whole, in parts, or to its end: by the command that it is the plan of, where that would still make the same output.</summary>
internal static class RunCommand
{
    private const string Threads = "--threads";

    public static Command Create(RootCommand root)
    {
        Option<string?> part = new("--part") { Description = "One part of several, such as 3/16; without it the whole plan is worked.", HelpName = "I/N" };
        Command command = new("run", "Works a plan, or one part of it, here or on any machine that shares the file system.\n\n"
            + "Example: layerswap plan swap --task math --language swahili -o both --json > plan.json\n         layerswap run plan.json --part 1/4");
        command.Options.Add(part);
        Add(root, command, parsed => parsed.GetValue(part) is { } text ? ["--part", text] : []);
        return command;
    }

    public static Command CreateFinish(RootCommand root)
    {
        Command command = new("finish", "Makes one output of the parts of a plan, when all of them are done.\n\nExample: layerswap finish plan.json");
        Add(root, command, _ => ["--finish"]);
        return command;
    }

    private static void Add(RootCommand root, Command command, Func<ParseResult, string[]> more)
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
            if (parsed.GetValue(threads) is { } count)
            {
                if (arguments.IndexOf(Threads) is >= 0 and int at)
                {
                    arguments.RemoveRange(at, 2);
                }

                arguments.AddRange([Threads, count.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            }

            string[] quietly = [.. parsed.Tokens.Select(t => t.Value).Where(t => t is "--quiet" or "-q" or "--no-progress" && !arguments.Contains(t))];
            return root.Parse([.. arguments, .. more(parsed), "--planned", file.Path, .. quietly]).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, cancellation);
        });
    }
}
