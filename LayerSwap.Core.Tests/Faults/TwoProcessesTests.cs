using System.Globalization;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>Two processes on one output, and one whose owner died.</summary>
public sealed class TwoProcessesTests
{
    [NeedsFact]
    public void A_second_process_is_rejected_with_the_first_id_and_takes_over_after_a_crash()
    {
        using LongWork work = new(8.MB(), 60);
        string output = work["place", "out"], staging = LongWork.Staging(output);
        using (ToolProcess first = work.StartWriting([], output))
        {
            Assert.True(
                SpinWait.SpinUntil(
                    () => File.ReadLines(Path.Combine(staging, "journal")).Count() > 3 || first.HasExited, TimeSpan.FromSeconds(30)),
                "No tensor after 30 seconds.");
            // The process is stopped, not killed, so it still holds its lock.
            first.Signal("STOP");
            foreach (string[] second in
                (string[][])[
                    work.Arguments(output), work.Arguments(output, "--resume"), work.Arguments(output, "--overwrite"), ["clean", output]])
            {
                string error = Tool.Fail(2, second);
                Assert.True(
                    error.Contains(
                        $"is being written by another run, process {first.Id.ToString(CultureInfo.InvariantCulture)}.",
                        StringComparison.Ordinal),
                    error);
            }

            Assert.False(first.HasExited);
            first.Kill();
        }

        string refused = Tool.Fail(2, work.Arguments(output));
        Assert.Contains(staging, refused, StringComparison.Ordinal);
        Assert.Contains("--resume", refused, StringComparison.Ordinal);
        Assert.Contains($"layerswap clean {output}", refused, StringComparison.Ordinal);

        Tool.Succeed(work.Arguments(output, "--resume"));
        Tool.Succeed("verify", output);
        Assert.Equal(["out"], Folders.Names(work["place"]));
    }
}
