using System.CommandLine;

namespace LayerSwap.Cli.Commands;

internal static class VerifyCommand
{
    public static Command Create()
    {
        Argument<string> path = new("DIR") { Description = "A folder with a model, or a .safetensors file." };
        Option<bool> json = new("--json") { Description = "Print JSON." };
        Command command = new(
            "verify",
            "Validates a checkpoint, reads every byte, and compares checksums if LayerSwap wrote it.\n\n"
                + "Example: layerswap verify out/math-swahili") { path, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            string folder = parsed.GetValue(path)!;
            VerifyReport report = await new Terminal(parsed)
                .WithProgress("verifying", progress => Checkpoint.VerifyAsync(folder, progress, cancellation));
            Terminal.WriteResult(parsed.GetValue(json) ? report.ToJson() : report.ToString());
            return report.Ok ? ExitCode.Success : ExitCode.BadInput;
        });
        return command;
    }
}
