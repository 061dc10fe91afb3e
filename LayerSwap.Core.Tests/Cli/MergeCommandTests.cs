namespace LayerSwap.Tests.Cli;

public sealed class MergeCommandTests
{
    private const string Sample = "model.layers.4.mlp.down_proj.weight";

    [Fact]
    public void Linear_averages_with_the_given_weights()
    {
        double[] found = Merged(
            ["--method", "linear", "--model", Fixture.Set1("math") + "=3", "--model", Fixture.Set1("sahili") + "=1", "--dtype", "f32"]);

        Near(Values("math").Zip(Values("sahili"), (m, s) => (0.75 * m) + (0.25 * s)), found);
    }

    [Fact]
    public void Linear_sums_when_normalize_is_false()
    {
        double[] found = Merged([
            "--method", "linear", "--model", Fixture.Set1("math") + "=3", "--model", Fixture.Set1("sahili") + "=-1", "-p",
            "normalize=false", "--dtype", "float32"]);

        Near(Values("math").Zip(Values("sahili"), (m, s) => (3 * m) - s), found);
    }

    [Fact]
    public void Task_arithmetic_adds_the_scaled_deltas_to_the_base()
    {
        double[] found = Merged(
            [
                "--method", "task_arithmetic", "--base", Fixture.Set1("base"), "--model", Fixture.Set1("math") + "=0.6", "--model",
                Fixture.Set1("sahili") + "=0.4", "-p", "lambda=0.8", "--dtype", "f32"]);

        double[] baseValues = Values("base");
        Near(
            baseValues.Zip(Values("math"), Values("sahili"))
                .Select(t => t.First + (0.8 * ((0.6 * (t.Second - t.First)) + (0.4 * (t.Third - t.First))))),
            found);
    }

    [Fact]
    public void Passthrough_copies_or_scales()
    {
        Assert.Equal(Values("math"), Merged(["--method", "passthrough", "--model", Fixture.Set1("math")]));
        Near(
            Values("math").Select(v => 0.5 * v),
            Merged(["--method", "passthrough", "--model", Fixture.Set1("math"), "--parameter", "scale=0.5"]));
    }

    [Fact]
    public void A_path_may_contain_an_equals_sign()
    {
        using TempFolder folder = new();
        string path = Folders.CopyDemo("math", folder["v=2"]);

        Near(
            Values("math").Zip(Values("sahili"), (m, s) => (0.25 * m) + (0.75 * s)),
            Merged(["--method", "linear", "--model", path + "=1", "--model", Fixture.Set1("sahili") + "=3", "--dtype", "f32"]));
    }

    [Fact]
    public void Config_and_tokenizer_come_from_the_base()
    {
        using TempFolder folder = new();
        string baseModel = Folders.CopyDemo("base", folder["base"]);
        File.WriteAllText(Path.Combine(baseModel, "generation_config.json"), "{}");
        Tool.Succeed("merge", "--method", "linear", "--base", baseModel, "--model", Fixture.Set1("math"), "-o", folder["out"]);

        Assert.Contains("generation_config.json", Folders.Names(folder["out"]), StringComparer.Ordinal);
        Assert.Contains("vocab.json", Folders.Names(folder["out"]), StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("taskarithmetic", "task_arithmetic")]
    [InlineData("lienar", "linear")]
    [InlineData("pass-through", "passthrough")]
    public void The_error_for_an_unknown_method_suggests_the_closest_name(string typed, string nearest) =>
        Assert.Contains(
            $"There is no method {typed}; nearest is {nearest}.",
            Tool.Fail(2, "merge", "--method", typed, "--model", Fixture.Set1("math"), "-o", "out"),
            StringComparison.Ordinal);

    [Theory]
    [InlineData("has no parameter lamda; it has lambda, normalize.", "lamda=1")]
    [InlineData("-p lambda=x: NAME=VALUE is expected", "lambda=x")]
    [InlineData("-p lambda: NAME=VALUE is expected", "lambda")]
    [InlineData("-p =1: NAME=VALUE is expected", "=1")]
    [InlineData("-p lambda=NaN: NAME=VALUE is expected", "lambda=NaN")]
    [InlineData("normalize is 2; true or false is expected.", "normalize=2")]
    public void An_unknown_or_non_numeric_parameter_is_a_usage_error(string expected, string parameter) =>
        Assert.Contains(
            expected,
            Tool.Fail(
                2, "merge", "--method", "task_arithmetic", "--base", Fixture.Set1("base"), "--model", Fixture.Set1("math"),
                "-p", parameter, "-o", "out"),
            StringComparison.Ordinal);

    [Fact]
    public void A_duplicate_parameter_is_a_usage_error() =>
        Assert.Contains(
            "once for each name",
            Tool.Fail(
                2, "merge", "--method", "linear", "--model", Fixture.Set1("math"),
                "-p", "normalize=true", "-p", "normalize=false", "-o", "out"),
            StringComparison.Ordinal);

    [Fact]
    public void A_missing_base_is_a_usage_error() =>
        Assert.Contains(
            "task_arithmetic needs --base DIR",
            Tool.Fail(2, "merge", "--method", "task_arithmetic", "--model", Fixture.Set1("math"), "-o", "out"),
            StringComparison.Ordinal);

    [Fact]
    public void Incompatible_models_are_bad_input_and_every_difference_is_named()
    {
        using TempFolder folder = new();
        string a =
            Folders.Save(SmallModels.Of("a", DType.Float32, ("x.weight", [2, 2], [1, 2, 3, 4]), ("y.weight", [2], [1, 2])), folder["a"]);
        string b =
            Folders.Save(SmallModels.Of("b", DType.Float32, ("x.weight", [4], [1, 2, 3, 4]), ("z.weight", [2], [1, 2])), folder["b"]);

        string error = Tool.Fail(3, "merge", "--method", "linear", "--model", a, "--model", b, "-o", folder["out"]);

        Assert.All((string[])["x.weight", "y.weight", "z.weight"], name => Assert.Contains(name, error, StringComparison.Ordinal));
        Assert.Equal(["a", "b"], Folders.Names(folder.Path));
        Assert.All(
            (string[])["x.weight", "y.weight", "z.weight"],
            name => Assert.Contains(name, Tool.Fail(3, "diff", a, b), StringComparison.Ordinal));
    }

    private static double[] Merged(string[] arguments)
    {
        using TempFolder folder = new();
        Tool.Succeed(["merge", .. arguments, "-o", folder["out"]]);
        using ICheckpoint merged = Checkpoint.Open(folder["out"]);
        return SmallModels.Values(merged, Sample);
    }

    private static double[] Values(string model)
    {
        using ICheckpoint checkpoint = Checkpoint.Open(Fixture.Set1(model));
        return SmallModels.Values(checkpoint, Sample);
    }

    private static void Near(IEnumerable<double> expected, double[] found)
    {
        double[] values = [.. expected];
        Assert.Equal(values.Length, found.Length);
        Assert.All(values.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }
}
