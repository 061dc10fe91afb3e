namespace LayerSwap.Tests.Cli;

public sealed class UsageTests
{
    private static readonly string[] Swap =
        ["swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "-o", "out"];

    [Theory]
    [InlineData("inspect")]
    [InlineData("diff")]
    [InlineData("swap")]
    [InlineData("merge")]
    [InlineData("plan")]
    [InlineData("plan", "swap")]
    [InlineData("plan", "merge")]
    [InlineData("run")]
    [InlineData("finish")]
    [InlineData("verify")]
    [InlineData("clean")]
    [InlineData("demo")]
    public void Every_command_has_help_with_an_example(params string[] command)
    {
        ToolRun run = Tool.Succeed([.. command, "--help"]);

        Assert.Equal("", run.Error);
        Assert.Contains("Example: layerswap ", run.Out, StringComparison.Ordinal);
        Assert.Contains("Usage:\n  layerswap " + string.Join(' ', command), run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_lists_every_command_and_the_version_is_a_number()
    {
        string help = Tool.Succeed("--help").Out;
        Assert.All(
            (string[])["inspect", "diff", "swap", "merge", "plan", "run", "finish", "verify", "clean", "demo"],
            command => Assert.Contains($"\n  {command} ", help, StringComparison.Ordinal));

        Assert.Matches(@"^\d+\.\d+\.\d+\S*\n$", Tool.Succeed("--version").Out);
    }

    [Theory]
    [InlineData("Required command was not provided.")]
    [InlineData("'frobnicate'", "frobnicate")]
    [InlineData("Required command was not provided.", "plan")]
    [InlineData("'--task' is required", "swap", "--language", "x", "-o", "out")]
    [InlineData("'--language' is required", "swap", "--task", "x", "-o", "out")]
    [InlineData("a recipe, or --method NAME", "merge", "--model", "x", "-o", "out")]
    [InlineData("'diff'", "diff", "x")]
    [InlineData("'verify'", "verify")]
    [InlineData("'--frobnicate'", "inspect", "x", "--frobnicate")]
    [InlineData(
        "There is no option '--frobnicate'. A path that begins so is written './--frobnicate'.\nSee `layerswap diff --help`.",
        "diff",
        "--frobnicate",
        "x",
        "y")]
    [InlineData("There is no option '-f'", "merge", "-f")]
    [InlineData("There is no option '--x\\u001B[31m'", "merge", "--x\u001b[31m")]
    [InlineData("There is no option '--frobnicate'", "diff", "--frobnicate", "--", "x", "y")]
    [InlineData("--log-level loud: ", "inspect", "x", "--log-level", "loud")]
    [InlineData("The value", "inspect", "")]
    public void Usage_errors_name_the_reason_or_point_to_the_help(string expected, params string[] arguments) =>
        Assert.Contains(expected, Tool.Fail(2, arguments), StringComparison.Ordinal);

    [Fact]
    public void A_misspelt_command_is_not_also_called_missing() =>
        Assert.Equal("layerswap: Unrecognized command or argument 'swop'.\nSee `layerswap --help`.\n", Tool.Fail(2, "swop"));

    [Fact]
    public void Arguments_after_two_hyphens_are_paths() =>
        Assert.Contains("--frobnicate does not exist", Tool.Fail(3, "inspect", "--", "--frobnicate"), StringComparison.Ordinal);

    [Theory]
    [InlineData("--top -1: zero or more is expected.", "--top", "-1")]
    [InlineData("--transition -2: zero or more is expected.", "--transition", "-2")]
    [InlineData("--transition-bottom -2: zero or more is expected.", "--transition-bottom", "-2")]
    [InlineData("--top 1.5: a whole number is expected.", "--top", "1.5")]
    [InlineData("--top 99999999999: a whole number is expected.", "--top", "99999999999")]
    [InlineData("--threads 0: 1 to 1024 is expected.", "--threads", "0")]
    [InlineData("--shard-size 5XB: a size such as", "--shard-size", "5XB")]
    [InlineData("--dtype i8: f32, f16, bf16 or f64 is expected.", "--dtype", "i8")]
    [InlineData("--weights 1: two numbers such as", "--weights", "1")]
    [InlineData("The weights 0 and 0:", "--weights", "0,0")]
    [InlineData("--weights inverse needs --base DIR", "--weights", "inverse")]
    [InlineData("--embeddings base needs --base DIR", "--embeddings", "base")]
    [InlineData("--embeddings none: average, task, language or base is expected.", "--embeddings", "none")]
    [InlineData("--head 9: average, task, language or base is expected.", "--head", "9")]
    [InlineData("--vocabulary shrink: error, truncate or pad is expected.", "--vocabulary", "shrink")]
    [InlineData("There is no preset big;", "--preset", "big")]
    public void The_error_for_an_invalid_value_names_the_expected_values(string expected, string option, string value)
    {
        using TempFolder folder = new();
        // The option under test is appended, or replaces its value if Swap already has it.
        string[] arguments = Swap.Contains(option)
            ? [.. Swap.Select((a, i) => i > 0 && Swap[i - 1] == option ? value : a)]
            : [.. Swap, option, value];

        Assert.Contains(expected, Tool.Fail(2, [.. arguments.Select(a => a == "out" ? folder["out"] : a)]), StringComparison.Ordinal);
        Assert.Empty(Folders.Names(folder.Path));
    }

    [Theory]
    [InlineData("--rank size: one of mav, relative-mav, l2, relative-l2, cosine, changed is expected.", "--rank", "size")]
    [InlineData("--by 7: layer, component or tensor is expected.", "--by", "7")]
    [InlineData("--top 0: 1 or more is expected.", "--top", "0")]
    [InlineData("--threads 2000: 1 to 1024 is expected.", "--threads", "2000")]
    public void The_error_for_an_invalid_diff_value_names_the_expected_values(string expected, string option, string value) =>
        Assert.Contains(
            expected, Tool.Fail(2, "diff", Fixture.Set1("base"), Fixture.Set1("math"), option, value), StringComparison.Ordinal);

    [Fact]
    public void Swap_and_merge_need_an_output()
    {
        Assert.Contains("-o OUT", Tool.Fail(2, Swap[..^2]), StringComparison.Ordinal);
        Assert.Contains("-o OUT", Tool.Fail(2, [.. Swap[..^1], ""]), StringComparison.Ordinal);
        Assert.Contains("-o OUT", Tool.Fail(2, "merge", "--method", "linear", "--model", Fixture.Set1("math")), StringComparison.Ordinal);
    }
}
