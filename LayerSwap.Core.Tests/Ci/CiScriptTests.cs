using System.Diagnostics;

namespace LayerSwap.Tests.Ci;

/// <summary>The CI script reads the tests' counts from the right places: a run with tests in it is not one without.</summary>
public sealed class CiScriptTests
{
    [Cli.LinuxFact]
    public void Counts_are_read_from_the_summary_lines()
    {
        using TempFolder folder = new();
        File.WriteAllText(folder["test"],
            "Build succeeded\n"
            + "Passed!  - Failed:     0, Passed:  1051, Skipped:     0, Total:  1051, Duration: 41 s - A.dll (net10.0)\n"
            + "Failed!  - Failed:     2, Passed:     3, Skipped:     1, Total:     6, Duration: 1 s - B.dll (net10.0)\n");
        string line = Assert.Single(File.ReadLines(Path.Combine(Fixture.Root, ".ci", "run")),
            l => l.Contains("tests_failed tests_passed <", StringComparison.Ordinal));
        ProcessStartInfo start = new("bash", ["-c", $"log=$1\n{line}\necho $tests_failed $tests_passed", "bash", folder.Path])
        { RedirectStandardOutput = true, UseShellExecute = false };
        using Process bash = Process.Start(start)!;

        Assert.Equal("2 1054\n", bash.StandardOutput.ReadToEnd());
    }
}
