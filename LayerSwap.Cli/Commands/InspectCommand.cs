using System.CommandLine;

namespace LayerSwap.Cli.Commands;

internal static class InspectCommand
{
    public static Command Create()
    {
        Argument<string> path = new("PATH") { Description = "A file, or a folder with a model: safetensors, PyTorch or TorchSharp." };
        Option<bool> json = new("--json") { Description = "Print every tensor as JSON." };
        Option<int?> page = OptionFactory.CreateInteger(
            "--page",
            $"The page of the table to print if it has more than {CheckpointReport.PageLength} lines; 1 by default.");
        Option<string?> key = InputOptions.CreateKey();
        Command command = new(
            "inspect",
            "Shows the contents of a checkpoint: tensors, layers, kinds, dtypes, bytes. Reads headers only.\n\n"
                + "Example: layerswap inspect models/llama-8b") { path, json, page, key };
        InputOptions inputs = new(command);
        command.SetAction(parsed =>
        {
            using OpenModels open = inputs.Open(parsed, parsed.GetValue(key));
            ICheckpoint checkpoint = open[parsed.GetValue(path)!];
            if (parsed.GetValue(page) is < 1)
            {
                throw new UsageException($"--page {parsed.GetValue(page)}: 1 or more is expected.");
            }

            if (parsed.GetValue(json))
            {
                Terminal.WriteResult(checkpoint.WriteJson);
            }
            else
            {
                Terminal.WriteResult(checkpoint.ToText(parsed.GetValue(page) ?? 1));
            }

            return ExitCode.Success;
        });
        return command;
    }
}
