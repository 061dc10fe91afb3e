using System.CommandLine;

namespace LayerSwap.Cli.Commands;

internal static class CleanCommand
{
    public static Command Create()
    {
        Argument<string[]> outputs = new("OUT") { Description = "The output of a run that ended before its end.", Arity = ArgumentArity.OneOrMore };
        Command command = new("clean", "Removes what runs that ended before their end have left beside their outputs, and nothing else.\n\nExample: layerswap clean math-swahili") { outputs };
        command.SetAction(parsed =>
        {
            Terminal terminal = new(parsed);
            foreach (string output in parsed.GetValue(outputs)!)
            {
                string? left = Merge.FindPartialOutput(output);
                if (Merge.DeletePartialOutput(output))
                {
                    Terminal.Result($"removed {Printable.Escape(left!)}");
                }
                else
                {
                    terminal.Note($"nothing is left beside {Printable.Escape(output)}");
                }
            }

            return ExitCode.Done;
        });
        return command;
    }
}
