using System.Text.RegularExpressions;

namespace LayerSwap.Tests.Faults;

/// <summary>Every promise of docs/reliability.md has a test.</summary>
public sealed partial class ReliabilityPageTests
{
    private static string Page { get; } = File.ReadAllText(Path.Combine(Fixture.Root, "docs", "reliability.md"));

    [Fact]
    public void Every_test_named_on_the_page_exists()
    {
        (string Type, string Method)[] named = [.. Named().Matches(Page).Select(m => (m.Groups[1].Value, m.Groups[2].Value))];
        Assert.True(named.Length > 30, $"Only {named.Length} tests are named.");
        Type[] types = typeof(ReliabilityPageTests).Assembly.GetTypes();
        Assert.All(named, name =>
        {
            Type type = Assert.Single(types, t => t.Name == name.Type);
            Assert.True(
                type.GetMethod(name.Method)?.GetCustomAttributes(typeof(FactAttribute), inherit: true).Length > 0,
                $"There is no test {name.Type}.{name.Method}.");
        });
    }

    [Fact]
    public void Each_of_the_eight_promises_names_a_test()
    {
        string[] promises = [.. Promise().Split(Page).Skip(1)];
        Assert.Equal(8, promises.Length);
        Assert.All(promises, p => Assert.Matches(Named(), p));
    }

    [GeneratedRegex(@"`(\w+Tests)\.(\w+)`")]
    private static partial Regex Named();

    [GeneratedRegex(@"^### [1-8]\. ", RegexOptions.Multiline)]
    private static partial Regex Promise();
}
