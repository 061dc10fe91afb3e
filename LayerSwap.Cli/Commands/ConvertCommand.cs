using System.CommandLine;

namespace LayerSwap.Cli.Commands;

/// <summary>Writes a checkpoint again: in another format or dtype, or in other shards.</summary>
internal static class ConvertCommand
{
    public static Command Create()
    {
        Argument<string> input = new("IN")
        {
            Description = "A file or folder: safetensors, PyTorch or TorchSharp; a LoRA adapter, or BASE+ADAPTER, which is applied.",
        };
        Argument<string?> target = new("OUT")
        {
            Description = "The folder to write; as -o OUT.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> key = InputOptions.CreateKey();
        Option<string?> @base = new("--base")
        {
            Description = "The base of a LoRA adapter; by default the one that the adapter names.",
            HelpName = "DIR",
        };
        Command command = new(
            "convert",
            "Writes a checkpoint again, in another format or dtype or in other shards, tensor by tensor.\n\n"
                + "Example: layerswap convert pytorch_model.bin out --dtype bf16\n"
                + "Example: layerswap convert llama-8b+my-adapter out") { input, target, key, @base };
        OutputOptions output = new(command, planOnly: false);
        command.SetAction(async (parsed, cancellation) =>
        {
            using OpenModels open = output.Inputs.Open(parsed, parsed.GetValue(key), parsed.GetValue(@base));
            MergeBuilder copy = Merge.Onto(open[parsed.GetValue(input)!]);
            return await output.PlanAndExecuteAsync(copy, parsed, cancellation, parsed.GetValue(target));
        });
        return command;
    }
}
