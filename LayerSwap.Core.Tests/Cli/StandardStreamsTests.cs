using LayerSwap.Tests.Faults;

namespace LayerSwap.Tests.Cli;

/// <summary>Standard streams may be closed or full. Diagnostics never end a merge.</summary>
public sealed class StandardStreamsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [NeedsTheory]
    [InlineData("2>&-", 0)]
    [InlineData("2>/dev/full", 0)]
    [InlineData(">&- 2>&-", 0)]
    [InlineData("<&- >&- 2>&-", 0)]
    [InlineData(">&-", 0)]
    [InlineData("| true", 0)]
    [InlineData(">/dev/full", 4)]
    public void A_merge_completes_with_closed_or_full_standard_streams(string streams, int exit)
    {
        ToolRun run = Shell(
            $"merge --method linear --model {Fixture.Set1("math")} --model {Fixture.Set1("sahili")} -o {_folder["out"]} --log-level "
                + "information",
            streams);
        Assert.True(run.Exit == exit, run.ToString());
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        // No output went into a file that was opened under the descriptor of a closed stream.
        Tool.Succeed("verify", _folder["out"]);
    }

    [NeedsTheory]
    [InlineData("2>&-", "inspect nope", 3)]
    [InlineData("2>/dev/full", "inspect nope", 3)]
    [InlineData("2>&-", "swap --nonsense", 2)]
    [InlineData(">&-", "inspect DEMO", 0)]
    [InlineData(">&-", "inspect DEMO --json", 0)]
    [InlineData(">/dev/full", "inspect DEMO", 4)]
    [InlineData(">&-", "--help", 0)]
    public void Other_commands_have_their_usual_exit_code_with_closed_or_full_streams(string streams, string command, int exit)
    {
        ToolRun run = Shell(command.Replace("DEMO", Fixture.Set1("math"), StringComparison.Ordinal), streams);
        Assert.True(run.Exit == exit, run.ToString());
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    private static ToolRun Shell(string command, string streams) => Tool.RunShell($"{Tool.Host} {Tool.Assembly} {command} {streams}");
}
