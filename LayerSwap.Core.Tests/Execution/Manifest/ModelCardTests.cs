using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Execution;

/// <summary>Tests the front matter of the card, which the Hub validates, and that it contains no local path.</summary>
public sealed class ModelCardTests : IDisposable
{
    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task Base_models_are_names_on_the_Hub_and_never_paths()
    {
        string cached = _temp["hub", "models--owner--cached", "snapshots", "0123"];
        Folders.Save(SmallModels.Of("m", DType.Float32, ("model.layers.0.w", [1], [1])), cached);
        foreach ((string name, string said) in new[] { ("known", "org/tuned-7B"), ("local", "/home/me/model"), ("dots", "./runs/x") })
        {
            Folders.Save(SmallModels.Of("m", DType.Float32, ("model.layers.0.w", [1], [1])), _temp[name]);
            File.WriteAllText(_temp[name, "config.json"], $$"""{"_name_or_path": "{{said}}"}""");
        }

        using ICheckpoint a = Checkpoint.Open(cached),
            b = Checkpoint.Open(_temp["known"]),
            c = Checkpoint.Open(_temp["local"]),
            d = Checkpoint.Open(_temp["dots"]);
        await Merge.Soup(a, b, c, d).SaveAsync(_temp["out"], new() { Durable = false });
        string card = File.ReadAllText(_temp["out", "README.md"]);
        Assert.Contains("base_model:\n- owner/cached\n- org/tuned-7B\n---\n", card, StringComparison.Ordinal);
        Assert.DoesNotContain(_temp.Path, card, StringComparison.Ordinal);

        await Merge.Soup(Checkpoint.Stack((a, ..), (b, ..))).SaveAsync(_temp["stacked"], new() { Durable = false });
        Assert.Contains("- owner/cached\n- org/tuned-7B\n---\n", File.ReadAllText(_temp["stacked", "README.md"]), StringComparison.Ordinal);

        await Merge.Soup(c, d).SaveAsync(_temp["none"], new() { Durable = false });
        Assert.DoesNotContain("base_model", File.ReadAllText(_temp["none", "README.md"]), StringComparison.Ordinal);
        Assert.DoesNotContain(_temp.Path, File.ReadAllText(_temp["none", "README.md"]), StringComparison.Ordinal);
    }
}
