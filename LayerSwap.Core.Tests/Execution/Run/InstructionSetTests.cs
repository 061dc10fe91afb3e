using System.Security.Cryptography;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Execution;

/// <summary>
/// Kernels give the same bytes with any vector instruction set. Environment variables of the runtime disable some of them.
/// </summary>
public sealed class InstructionSetTests
{
    [Theory]
    [InlineData("linear", "")]
    [InlineData("ties", "density=0.4")]
    [InlineData("della", "density=0.4")]
    [InlineData("sce", "select_topk=0.3")]
    [InlineData("model_stock", "")]
    [InlineData("karcher", "max_iter=3")]
    public void Bytes_do_not_depend_on_the_instruction_set(string method, string parameter)
    {
        using TempFolder temp = new();
        string[] baseArguments = method is "linear" or "karcher" ? [] : ["--base", Fixture.Set1("base")],
            parameters = parameter.Length == 0 ? [] : ["-p", parameter];
        string Merged(string switchedOff)
        {
            string output = temp[switchedOff.Length == 0 ? "all" : switchedOff];
            (string, string)[] environment = switchedOff.Length == 0 ? [] : [(switchedOff, "0")];
            ToolRun run = Tool.Run(
                [
                    "merge", "--method", method, .. baseArguments, "--model", Fixture.Set1("math") + "=0.6", "--model",
                    Fixture.Set1("sahili") + "=0.4", .. parameters, "-o", output],
                folder: null,
                environment);
            Assert.True(run.Exit == 0, run.ToString());
            return Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(output, "model.safetensors"))));
        }

        string expected = Merged("");
        Assert.Equal(expected, Merged("DOTNET_EnableAVX512"));
        Assert.Equal(expected, Merged("DOTNET_EnableHWIntrinsic"));
    }
}
