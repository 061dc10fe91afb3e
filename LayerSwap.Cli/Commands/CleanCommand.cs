using System.CommandLine;

namespace LayerSwap.Cli.Commands;

internal static class CleanCommand
{
    public static Command Create()
    {
        Argument<string[]> outputs = new("OUT") { Description = "The output of an interrupted run.", Arity = ArgumentArity.OneOrMore };
        Command command = new(
            "clean",
            "Removes the partial outputs of interrupted runs, and nothing else.\n\nExample: layerswap clean math-swahili") { outputs };
        command.SetAction(parsed =>
        {
            Terminal terminal = new(parsed);
            foreach (string output in parsed.GetValue(outputs)!)
            {
                string? partial = Merge.FindPartialOutput(output);
                if (Merge.DeletePartialOutput(output))
                {
                    Terminal.WriteResult($"removed {Printable.Escape(partial!)}");
                }
                else
                {
                    terminal.WriteNote($"there is no partial output of {Printable.Escape(output)}");
                }
            }

            return ExitCode.Success;
        });
        return command;
    }
}
