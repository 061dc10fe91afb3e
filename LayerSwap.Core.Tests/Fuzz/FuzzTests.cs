using System.Globalization;
using System.Text;
using LayerSwap.Benchmarks.Fuzz;

namespace LayerSwap.Tests.Fuzz;

/// <summary>A short run of the fuzzer with a fixed seed; long ones are <c>LayerSwap.Benchmarks -- fuzz --minutes N</c>.</summary>
public sealed class FuzzTests
{
    private const int Seed = 20260;

    [Theory]
    [InlineData("header", 30_000)]
    [InlineData("index", 20_000)]
    [InlineData("recipe", 10_000)]
    [InlineData("config", 10_000)]
    [InlineData("tokenizer", 10_000)]
    [InlineData("record", 10_000)]
    [InlineData("journal", 10_000)]
    public void Corrupted_input_is_opened_or_rejected(string name, long count)
    {
        using FuzzTargets targets = new();
        FuzzRun run = new(targets.All.Single(t => t.Name == name), Fixture.Path(), Seed);

        run.Run(0, count, TimeSpan.FromMinutes(1));

        Assert.Empty(
            run.Findings.Select(f => string.Create(CultureInfo.InvariantCulture,
                $"seed {Seed}, input {f.Iteration}, {f.Kind}: {Encoding.UTF8.GetString(f.Input)}\n{f.Detail}")));
        // A useful fuzzer has both accepted and rejected inputs.
        Assert.InRange(run.Outcomes.GetValueOrDefault("accepted"), 1, run.Count - 1);
    }

    [Fact]
    public void The_same_seed_makes_the_same_inputs()
    {
        using FuzzTargets targets = new();
        FuzzRun one = new(targets.All[0], Fixture.Path(), Seed), two = new(targets.All[0], Fixture.Path(), Seed),
            other = new(targets.All[0], Fixture.Path(), Seed + 1);

        Assert.All(Enumerable.Range(0, 100), i => Assert.Equal(one.CreateInput(i), two.CreateInput(i)));
        Assert.Contains(Enumerable.Range(0, 100), i => !one.CreateInput(i).AsSpan().SequenceEqual(other.CreateInput(i)));
    }

    [Theory]
    [InlineData(typeof(NullReferenceException))]
    [InlineData(typeof(KeyNotFoundException))]
    public void Unexpected_exceptions_are_reported_once_per_location(Type exception)
    {
        FuzzRun run = Run(_ => throw (Exception)Activator.CreateInstance(exception)!);

        run.Run(0, 50, TimeSpan.FromMinutes(1));

        FuzzFinding finding = Assert.Single(run.Findings);
        Assert.Equal(50, finding.Times);
        Assert.Equal(0, finding.Iteration);
        Assert.StartsWith(exception.Name, finding.Kind, StringComparison.Ordinal);
    }

    [Fact]
    public void Much_memory_is_a_finding()
    {
        FuzzRun run = Run(_ => GC.KeepAlive(GC.AllocateUninitializedArray<byte>((int)FuzzRun.MaxMemory + 1)));

        run.Run(0, 1, TimeSpan.FromMinutes(1));

        Assert.Contains("MB", Assert.Single(run.Findings).Kind, StringComparison.Ordinal);
    }

    [Fact]
    public void A_slow_input_is_a_finding()
    {
        FuzzRun run = Run(_ => Thread.Sleep(FuzzRun.MaxTime + TimeSpan.FromMilliseconds(20)));

        run.Run(0, 1, TimeSpan.FromMinutes(1));

        Assert.Equal("over a second", Assert.Single(run.Findings).Kind);
    }

    private static FuzzRun Run(Action<byte[]> read) =>
        new(new FuzzTarget { Name = "own", AcceptsFile = _ => false, Seeds = [[1, 2, 3]], Read = read }, Fixture.Path(), Seed);
}
