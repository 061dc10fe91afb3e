using System.CommandLine;

namespace LayerSwap.Cli.Commands;

internal static class VerifyCommand
{
    public static Command Create()
    {
        Argument<string> path = new("DIR") { Description = "A folder with a model, or a .safetensors file." };
        Option<bool> json = new("--json") { Description = "Print JSON." };
        Command command = new("verify", "Holds a checkpoint against every rule of its format, reads all of it, and compares checksums where LayerSwap wrote it.\n\nExample: layerswap verify out/math-swahili") { path, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            VerifyReport report = await new Terminal(parsed).WithProgress("verifying", progress => Checkpoint.VerifyAsync(parsed.GetValue(path)!, progress, cancellation));
            Terminal.Result(parsed.GetValue(json) ? report.ToJson() : report.ToString());
            return report.Ok ? ExitCode.Done : ExitCode.BadInput;
        });
        return command;
    }
}
