namespace LayerSwap.Tests.Sweeping;

/// <summary>Tests sweeps with a custom scorer; only the log is written.</summary>
public sealed class SweeperTests : IDisposable
{
    private readonly TempFolder _temp = new();
    private readonly ICheckpoint _task = SmallModels.Llama("task", 1), _language = SmallModels.Llama("language", 2);

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task Results_are_ranked_and_equal_scores_keep_their_order()
    {
        SweepReport report = await Merge.SweepAsync(Candidates(), (model, _) => Task.FromResult(Taken(model)));
        // Of 8 layers those equal to the language expert's count: the sum of bottom and top.
        Assert.Equal(["swap 2,1,0", "swap 2,1,1", "swap 0,1,0", "swap 0,1,1"], report.Results.Select(r => r.Name));
        Assert.Equal((3, 3, 1), (report.Best.Score, report.Median.Score, report.Worst.Score));
        Assert.Contains("best 3 (swap 2,1,0), median 3, worst 1", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stopped_sweep_resumes_from_its_log()
    {
        SweepOptions options = new() { Log = _temp["sweep.log"] };
        int scored = 0;
        using CancellationTokenSource stop = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Merge.SweepAsync(Candidates(), Score, options, stop.Token));
        Assert.Equal(2, File.ReadAllLines(_temp["sweep.log"]).Length);

        SweepReport report = await Merge.SweepAsync(Candidates(), Score, options);
        Assert.Equal(4, scored);
        Assert.Equal(["swap 2,1,0", "swap 2,1,1", "swap 0,1,0", "swap 0,1,1"], report.Results.Select(r => r.Name));

        Task<double> Score(ICheckpoint model, CancellationToken cancellation)
        {
            if (++scored == 2)
            {
                stop.Cancel();
            }

            return Task.FromResult(Taken(model));
        }
    }

    [Fact]
    public async Task Invalid_options_are_rejected()
    {
        await Assert.ThrowsAsync<ArgumentException>(() => Merge.SweepAsync([], (_, _) => Task.FromResult(0.0)));
        SweepCandidate one = Candidates()[0];
        Assert.Contains("unique",
            (await Assert.ThrowsAsync<ArgumentException>(() => Merge.SweepAsync([one, one], (_, _) => Task.FromResult(0.0)))).Message,
            StringComparison.Ordinal);
        File.WriteAllText(_temp["notes.txt"], "mine");
        Assert.Contains("not the log",
            (await Assert.ThrowsAsync<ArgumentException>(() => Merge.SweepAsync([one], (_, _) => Task.FromResult(0.0),
                new() { Log = _temp["notes.txt"] }))).Message, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(_temp["notes.txt"]));
    }

    [Fact]
    public void Only_valid_swaps_are_tried() =>
        Assert.Equal(["swap 4,4,0", "swap 3,3,1"],
            SweepCandidate.LayerSwaps(_task, _language, [4], [4], [0, 1])
                .Concat(SweepCandidate.LayerSwaps(_task, _language, [3], [3], [1, 2])).Select(c => c.Name));

    private IReadOnlyList<SweepCandidate> Candidates() => SweepCandidate.LayerSwaps(_task, _language, [0, 2], [1], [0, 1]);

    /// <summary>Counts the layers of the language expert.</summary>
    private double Taken(ICheckpoint model) => Enumerable.Range(0, 8).Count(l =>
        SmallModels.Bytes(model, $"model.layers.{l}.mlp.up_proj.weight")
            .SequenceEqual(SmallModels.Bytes(_language, $"model.layers.{l}.mlp.up_proj.weight")));
}
