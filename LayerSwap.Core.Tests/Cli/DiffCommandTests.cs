using System.Globalization;
using System.Text.Json;

namespace LayerSwap.Tests.Cli;

public sealed class DiffCommandTests
{
    private static readonly string[] EntryMembers =
        [
            "model", "name", "layer", "component", "parameters", "rank", "mav", "matrixMav", "relativeMav", "l2", "relativeL2", "cosine",
            "maxAbs", "changed", "share"];

    /// <summary>shared/miniature/expected.json: mean_abs_change_layers, over the 2-D weights, by other code than ours.</summary>
    private static readonly Dictionary<string, double[]> Profiles = new(StringComparer.Ordinal)
    {
        ["math"] = [0.0079424, 0.0085647, 0.0085471, 0.008849, 0.0086006, 0.0089506, 0.0094339, 0.009226],
        ["sahili"] = [0.0037916, 0.0042829, 0.0044697, 0.0046489, 0.0055378, 0.0062246, 0.0069502, 0.0072175],
    };

    /// <summary>From the same file: mean_abs_change_embed and mean_abs_change_head.</summary>
    private static readonly Dictionary<string, (double Embedding, double Head)> Outside = new(StringComparer.Ordinal)
    {
        ["math"] = (0.000523, 0.005),
        ["sahili"] = (0.00016315, 0.001225),
    };

    private static readonly Lazy<JsonElement> Both = new(() => Diff("base", ["math", "sahili"]));

    [Fact]
    public void The_profile_of_the_trained_models_equals_the_independent_measurement()
    {
        JsonElement json = Both.Value;

        Assert.Equal(Fixture.Set1("base"), json.Text("base"));
        Assert.Equal(
            [Fixture.Set1("math"), Fixture.Set1("sahili")], json.Items("models").Select(m => m.GetString()), StringComparer.Ordinal);
        Assert.Equal("mav", json.Text("rankedBy"));
        foreach ((string model, double[] profile) in Profiles)
        {
            JsonElement[] entries = [.. json.Items("entries").Where(e => e.Text("model") == Fixture.Set1(model))];
            double[] found = [.. entries.Where(e => e.Layer() is not null).OrderBy(e => e.Layer()).Select(e => e.Number("matrixMav"))];
            Assert.Equal(profile.Length, found.Length);
            Assert.All(profile.Zip(found), pair => Assert.InRange(pair.Second / pair.First, 1 - 1e-4, 1 + 1e-4));
            Assert.InRange(
                entries.Single(e => e.Text("name") == "model.embed_tokens").Number("mav") / Outside[model].Embedding, 1 - 1e-4, 1 + 1e-4);
            Assert.InRange(entries.Single(e => e.Text("name") == "lm_head").Number("mav") / Outside[model].Head, 1 - 1e-4, 1 + 1e-4);
        }
    }

    [Fact]
    public void The_json_has_the_specified_members_and_one_record_per_entry()
    {
        JsonElement json = Both.Value;

        Assert.Equal(["base", "models", "rankedBy", "entries", "pairs", "skipped", "verdicts", "suggestion"], json.Members());
        Assert.All(json.Items("entries"), e => Assert.Equal(EntryMembers, e.Members()));
        JsonElement[] pairs = json.Items("pairs");
        Assert.Equal(11, pairs.Length);
        Assert.All(pairs, p =>
        {
            Assert.Equal(["a", "b", "name", "layer", "cosine", "signConflict", "rowOverlap"], p.Members());
            Assert.Equal((Fixture.Set1("math"), Fixture.Set1("sahili")), (p.Text("a"), p.Text("b")));
            Assert.InRange(p.Number("cosine"), -1, 1);
            Assert.InRange(p.Number("signConflict"), 0, 1);
        });

        // The final norm is a vector: the paper's measure over matrices is not defined there, and NaN is a string.
        JsonElement norm = json.Items("entries").First(e => e.Text("name") == "model.norm");
        Assert.Equal("NaN", norm.Text("matrixMav"));
        Assert.Equal(JsonValueKind.Null, norm.GetProperty("layer").ValueKind);
    }

    [Theory]
    [InlineData("layer", 11, 8)]
    [InlineData("component", 12, 0)]
    [InlineData("tensor", 75, 72)]
    public void Entries_have_the_requested_granularity(string by, int entries, int inLayers)
    {
        JsonElement json = Diff("base", ["math"], "--by", by);

        Assert.Equal(entries, json.Items("entries").Length);
        Assert.Equal(inLayers, json.Items("entries").Count(e => e.Layer() is not null));
        Assert.Equal(630_160, json.Items("entries").Sum(e => e.Whole("parameters")));
        Assert.Empty(json.Items("pairs"));
    }

    [Theory]
    [InlineData("mav", "mav", false)]
    [InlineData("relative-mav", "relativeMav", false)]
    [InlineData("l2", "l2", false)]
    [InlineData("relative-l2", "relativeL2", false)]
    [InlineData("cosine", "cosine", true)]
    [InlineData("changed", "changed", false)]
    public void Entries_are_ranked_by_change_within_each_model(string metric, string member, bool ascending)
    {
        JsonElement json = Diff("base", ["sahili", "math"], "--rank", metric);

        Assert.Equal(metric, json.Text("rankedBy"));
        JsonElement[] entries = json.Items("entries");
        Assert.Equal(
            Enumerable.Repeat(Fixture.Set1("sahili"), 11).Concat(Enumerable.Repeat(Fixture.Set1("math"), 11)),
            entries.Select(e => e.Text("model")!),
            StringComparer.Ordinal);
        foreach (JsonElement[] model in entries.Chunk(11))
        {
            double[] values = [.. model.Select(e => e.Number(member))];
            Assert.Equal(Enumerable.Range(1, 11).Select(r => (long)r), model.Select(e => e.Whole("rank")));
            Assert.Equal(ascending ? values.Order() : values.OrderDescending(), values);
            Assert.True(values.Distinct().Count() > 5);
        }
    }

    [Fact]
    public void Reports_go_to_files_and_the_table_to_stdout()
    {
        using TempFolder folder = new();
        ToolRun run = Tool.Succeed("diff", Fixture.Set1("base"), Fixture.Set1("math"), Fixture.Set1("sahili"), "--top", "3",
            "--json", folder["d.json"], "--csv", folder["d.csv"], "--markdown", folder["d.md"]);

        Assert.Equal("", run.Error);
        Assert.Contains(" -> ", run.Out, StringComparison.Ordinal);
        Assert.Equal(["d.csv", "d.json", "d.md"], Folders.Names(folder.Path));
        JsonElement[] entries = ToolRun.Parse(File.ReadAllText(folder["d.json"])).Items("entries");
        Assert.Equal([1, 2, 3, 1, 2, 3], entries.Select(e => e.Whole("rank")));
        string[] csv = File.ReadAllLines(folder["d.csv"]);
        Assert.Equal(string.Join(',', EntryMembers), csv[0]);
        Assert.Equal(entries.Length + 1, csv.Length);
        foreach ((string line, JsonElement entry) in csv.Skip(1).Zip(entries))
        {
            string[] cells = line.Split(',');
            Assert.Equal([entry.Text("model"), entry.Text("name")], cells[..2], StringComparer.Ordinal);
            Assert.Equal(entry.Number("mav"), double.Parse(cells[6], CultureInfo.InvariantCulture));
            Assert.Equal(entry.Number("changed"), double.Parse(cells[13], CultureInfo.InvariantCulture));
        }

        string markdown = File.ReadAllText(folder["d.md"]);
        Assert.Equal(2, markdown.Split("\n| name |").Length - 1);
        Assert.All(
            entries,
            e => Assert.Contains($"| {e.Text("name")} |", markdown.Replace("\\", "", StringComparison.Ordinal), StringComparison.Ordinal));
    }

    [Fact]
    public void The_html_page_pictures_and_profiles_are_written_to_the_given_paths()
    {
        using TempFolder folder = new();
        ToolRun run = Tool.Succeed(
            "diff", Fixture.Set1("base"), Fixture.Set1("math"), Fixture.Set1("sahili"), "--html", folder["d.html"], "--svg",
            folder["pictures"], "--profiles", "--json", folder["d.json"]);
        Assert.Contains("row overlap", run.Out, StringComparison.Ordinal);
        Assert.Contains("far apart", run.Out, StringComparison.Ordinal);
        Assert.StartsWith("<!DOCTYPE html>", File.ReadAllText(folder["d.html"]), StringComparison.Ordinal);
        Assert.Equal(["agreement.svg", "bars.svg", "heat-map.svg", "strips.svg"], Folders.Names(folder["pictures"]));
        JsonElement json = ToolRun.Parse(File.ReadAllText(folder["d.json"]));
        // 58 matrices in each of two models; a query has four heads.
        Assert.Equal(116, json.Items("profiles").Length);
        Assert.Equal(
            ["0", "1", "2", "3"],
            json.Items("profiles")
                .Single(p => p.Text("model") == Fixture.Set1("math") && p.Text("name") == "model.layers.3.self_attn.q_proj.weight")
                .GetProperty("heads")
                .EnumerateArray()
                .Select(h => h.GetProperty("head").GetRawText()));
        Assert.Equal("farApart", json.Items("verdicts").Single().Text("kind"));
        Assert.StartsWith(
            "<!DOCTYPE html>",
            Tool.Succeed("diff", Fixture.Set1("base"), Fixture.Set1("math"), "--html", "-").Out,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("90%", "quantile 0.9")]
    [InlineData("0.01", "above 0.01")]
    public void Thresholds_are_numbers_or_percentages(string threshold, string said) =>
        Assert.Contains(
            said, Tool.Succeed("diff", Fixture.Set1("base"), Fixture.Set1("math"), "--threshold", threshold).Out, StringComparison.Ordinal);

    [Theory]
    [InlineData("-1")]
    [InlineData("101%")]
    [InlineData("much")]
    [InlineData("NaN")]
    public void Invalid_thresholds_are_rejected(string threshold)
    {
        ToolRun run = Tool.Run("diff", Fixture.Set1("base"), Fixture.Set1("math"), $"--threshold={threshold}");
        Assert.Equal(2, run.Exit);
        Assert.Contains("percentage", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unchanged_model_has_no_differences()
    {
        Assert.All(
            Diff("math", ["math"]).Items("entries"),
            e => Assert.Equal((0, 0, 0, 0), (e.Number("mav"), e.Number("l2"), e.Number("maxAbs"), e.Number("changed"))));
    }

    [Fact]
    public void Output_does_not_depend_on_the_culture()
    {
        string[] arguments = ["diff", Fixture.Set1("base"), Fixture.Set1("math"), "--json", "-"];

        ToolRun here = Tool.Run(arguments, folder: null, ("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8"));
        ToolRun german = Tool.Run(arguments, folder: null, ("LANG", "de_DE.UTF-8"), ("LC_ALL", "de_DE.UTF-8"));
        ToolRun germanText = Tool.Run(arguments[..3], folder: null, ("LANG", "de_DE.UTF-8"), ("LC_ALL", "de_DE.UTF-8"));

        Assert.Equal(0, here.Exit);
        Assert.Equal(here.Out, german.Out);
        Assert.Contains("0.01201 ", germanText.Out, StringComparison.Ordinal);
        Assert.Contains("85.0 %", germanText.Out, StringComparison.Ordinal);
    }

    [LinuxFact]
    public void A_report_to_an_open_file_descriptor_is_written_to_it_and_replaces_no_file()
    {
        ToolRun run = Tool.Succeed("diff", Fixture.Set1("base"), Fixture.Set1("math"), "--csv", "/dev/fd/1");

        Assert.Contains(string.Join(',', EntryMembers) + "\n", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_reports_to_stdout_are_rejected() =>
        Assert.Contains(
            "--csv",
            Tool.Fail(2, "diff", Fixture.Set1("base"), Fixture.Set1("math"), "--json", "-", "--csv", "-"),
            StringComparison.Ordinal);

    [Fact]
    public void A_missing_report_folder_is_named()
    {
        using TempFolder folder = new();
        string error = Tool.Fail(4, "diff", Fixture.Set1("base"), Fixture.Set1("math"), "--json", folder["missing", "d.json"]);

        Assert.Contains($"there is no folder {folder["missing"]}.", error, StringComparison.Ordinal);
        Assert.Empty(Folders.Names(folder.Path));
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    [InlineData("link")]
    public void A_report_never_replaces_a_file_of_an_input(string name)
    {
        using TempFolder folder = new();
        string model = folder["model"], file = Path.Combine(model, "model.safetensors");
        Folders.CopyDemo("math", model);
        byte[] before = File.ReadAllBytes(file);
        string target = name == "link" ? folder["link"] : Path.Combine(model, name);
        if (name == "link")
        {
            File.CreateSymbolicLink(target, file);
        }

        string error = Tool.Fail(2, "diff", Fixture.Set1("base"), model, "--json", target);

        Assert.Contains("Inputs are never changed", error, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(file));
    }

    private static JsonElement Diff(string baseModel, string[] models, params string[] more) =>
        Tool.Succeed(["diff", Fixture.Set1(baseModel), .. models.Select(Fixture.Set1), .. more, "--json", "-"]).Json;
}
