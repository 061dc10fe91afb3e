using System.Text;

namespace LayerSwap.Tests.Readme;

/// <summary>Tests that the table in docs/strategies is that of the catalogue.</summary>
public sealed class StrategiesTableTests
{
    [Fact]
    public void The_table_of_methods_is_generated_from_the_catalogue()
    {
        string page = File.ReadAllText(Path.Combine(Fixture.Root, "docs", "strategies", "README.md"));
        string expected = Table();
        Assert.True(page.Contains(expected, StringComparison.Ordinal),
            $"docs/strategies/README.md has another table. Expected:\n{expected}");
    }

    [Fact]
    public void Every_method_has_a_page() =>
        Assert.All(MergeStrategies.Methods,
            m => Assert.True(File.Exists(Path.Combine(Fixture.Root, "docs", "strategies", PageOf(m))), PageOf(m)));

    private static string Table()
    {
        StringBuilder table = new("| name | what it does | base | weights | parameters (default) |\n| --- | --- | --- | --- | --- |\n");
        foreach (MergeMethod method in MergeStrategies.Methods)
        {
            string parameters = string.Join(", ",
                method.Parameters.Select(p => $"`{p.Name}` ({p.DefaultText}{(p.IsPerSource ? ", by model" : "")})"));
            string weights = method.UsesWeights ? "used" : "";
            table.Append($"| [{method.Name}]({PageOf(method)}) | {method.Summary} | {BaseOf(method)} | {weights} | {parameters} |\n");
        }

        return table.ToString();
    }

    private static string BaseOf(MergeMethod method) => method.NeedsBase ? "needed" : method.UsesBase ? "used" : "";

    /// <summary>The page of a method; variants of one method share a page.</summary>
    private static string PageOf(MergeMethod method) => method.Name switch
    {
        "dare_linear" or "dare_ties" => "dare.md",
        "breadcrumbs_ties" => "breadcrumbs.md",
        "della_linear" => "della.md",
        "ramplus_tl" => "ram.md",
        _ => method.Name.Replace('_', '-') + ".md",
    };
}
