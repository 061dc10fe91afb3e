using System.CommandLine;

namespace LayerSwap.Cli.Commands;

internal static class InspectCommand
{
    public static Command Create()
    {
        Argument<string> path = new("PATH") { Description = "A .safetensors file, or a folder with a model." };
        Option<bool> json = new("--json") { Description = "Print every tensor as JSON." };
        Command command = new("inspect", "Shows what is in a checkpoint: tensors, layers, kinds, dtypes, bytes. Reads headers only.\n\nExample: layerswap inspect models/llama-8b") { path, json };
        command.SetAction(parsed =>
        {
            using ICheckpoint checkpoint = Checkpoint.Open(parsed.GetValue(path)!);
            Terminal.Result(parsed.GetValue(json) ? checkpoint.ToJson() : checkpoint.ToText());
            return ExitCode.Done;
        });
        return command;
    }
}
