using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>Overwriting without atomic exchange. The old output is renamed for a moment, and never lost.</summary>
public sealed class ExchangeTests
{
    [Theory]
    [InlineData(Fault.Kill)]
    [InlineData(Fault.DeviceError)]
    [InlineData(Fault.NoSpace)]
    public async Task Without_atomic_exchange_the_output_is_the_old_or_the_new_one(Fault fault)
    {
        using Scene scene = Scene.Overwriting();
        int aside = 0;
        for (int n = 1; ; n++)
        {
            string target = scene.Stage(), when = $"without exchange, {fault} at call {n}", cleaned = scene.Stage();
            CountingFiles files = new(fault, n) { WithoutExchange = true };
            Exception? error = await scene.RunAsync(target, files);
            if (!files.Struck)
            {
                Assert.True(error is null, $"{error}");
                await scene.RequireDoneAsync(target, when);
                Assert.Equal(fault == Fault.Kill ? 1 : 0, aside);
                return;
            }

            Assert.True(fault == Fault.Kill ? error is DeathException : error is OutputException, $"{when}: {error}");
            bool gone = !Directory.Exists(target);
            aside += gone ? 1 : 0;
            if (!gone)
            {
                await scene.RequireOldOrNewAsync(target, when);
            }

            await scene.ResumeToTheEndAsync(target, when);

            // Repeat, then clean the leftovers. The old or the new output exists.
            await scene.RunAsync(cleaned, new CountingFiles(fault, n) { WithoutExchange = true });
            Merge.DeletePartialOutput(cleaned);
            await scene.RequireOldOrNewAsync(cleaned, when + ", cleaned");
            Assert.Equal(["out"], Folders.Names(Path.GetDirectoryName(cleaned)!));
        }
    }
}
