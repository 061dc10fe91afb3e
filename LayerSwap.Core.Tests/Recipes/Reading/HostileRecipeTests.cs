using System.Globalization;
using LayerSwap.Recipes;

namespace LayerSwap.Tests.Recipes;

/// <summary>Hostile recipes give an error with line and column. The fuzzer found most of them by a crash.</summary>
public sealed class HostileRecipeTests
{
    private const string Head = "merge_method: linear\nmodels: [a, b]\n";

    public static TheoryData<string, string> Small => new()
    {
        { "a mapping merged into itself", "&a\nmerge_method: linear\nmodels: [a]\n<<: *a\n" },
        { "a model that is itself", "merge_method: linear\nmodels:\n- model: &a {model: *a}\n" },
        { "a gradient within itself", Head + "parameters: {weight: &a [*a, {value: 1}]}\n" },
        { "an alias before its anchor", Head + "base_model: *x\nname: &x a\n" },
        { "an anchor inside itself", Head + "parameters: &a {weight: [&a [*a]]}\n" },
        { "seed 1, input 335: the scanner's own assertion",
            "merge_method: linear\nmodeters:\n  weight: &w\n  - value: 1\n  - value: [0, 1]\n  density: [*w, *w,els: [a, b]\n"
                + "param *w, value: 1]\n" },
        { "seed 1, input 50574: the parser's own assertion",
            "...\nmerge_method: task_arithmameters:\n      weight: 0.8\n- setic\nbase_model: models/f32/base\nslices%\n- sources:\n"
                + "  - model: models/f32/bas    - 2\n    pa" },
        { "seed 1, input 13192: the stack",
            "merge_metod: ties\nmodels:\n- model: &m a\n  parameters: &p\n    weight:\n    - filter: self_attn\n"
                + "      value: [0, 0.5]\n    eters:\n    <<: *p\n    densittask_arithmeticy: 0.5\nbase_model: *m\ndtype: bfloat16\n" },
    };

    public static TheoryData<string, string> Large => new()
    {
        { "nested lists", Head + "parameters: {weight: " + new string('[', 1_000_000) },
        { "nested mappings", string.Concat(Enumerable.Repeat("{a: ", 100_000)) },
        { "nested dashes", string.Concat(Enumerable.Repeat("- ", 100_000)) + "a" },
        { "aliases that unfold",
            Head
                + "parameters:\n  w0: &a0 [{value: 1}]\n"
                + string.Concat(Enumerable.Range(1, 40).Select(i => Line($"  w{i}: &a{i} [*a{i - 1}, *a{i - 1}, {{value: 1}}]\n"))) },
        { "aliases that unfold in keys",
            Head
                + "parameters:\n  w0: &a0 [1]\n"
                + string.Concat(Enumerable.Range(1, 40).Select(i => Line($"  ? &a{i} [*a{i - 1}, *a{i - 1}]\n  : 1\n"))) },
        { "a list of millions", Head + "parameters: {weight: [" + string.Concat(Enumerable.Repeat("1,", 5_000_000)) + "1]}\n" },
        { "unknown keys", Head + string.Concat(Enumerable.Range(0, 200_000).Select(i => Line($"k{i}: 1\n"))) },
        { "one long unknown key", Head + "? " + new string('k', 1_000_000) + "\n: 1\n" },
        { "ranges of layers",
            Head + "rules:\n- merge_method: linear\n  layers: [\"" + string.Concat(Enumerable.Repeat("0-99999,", 10_000)) + "1\"]\n" },
    };

    [Theory]
    [MemberData(nameof(Small))]
    [MemberData(nameof(Large))]
    public void Hostile_recipes_are_rejected_with_line_and_column_and_little_memory(string what, string text)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        RecipeException refused = Assert.Throws<RecipeException>(() => RecipeReader.Read(text, "hostile.yml"));
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.All(refused.Problems, p => Assert.StartsWith("hostile.yml, line ", p, StringComparison.Ordinal));
        Assert.InRange(refused.Problems.Count, 1, 100);
        Assert.True(allocated < 256L << 20, Line($"{what}: {allocated >> 20} MB were allocated"));
    }

    [Fact]
    public void Common_uses_of_aliases_are_read()
    {
        const string text = "merge_method: ties\nbase_model: &b x\nmodels:\n- model: &m a\n"
            + "  parameters: &p {weight: [{filter: q, value: &g [0, 1]}, {value: *g}]}\n- model: *m\n  parameters: {<<: *p, density: 0.5}\n"
            + "- model: *b\n";

        RecipeDocument read = Assert.Single(RecipeReader.Read(text, "a.yml"));

        Assert.Equal(["a", "a", "x"], read.Modules[0].Slices[0].Sources.Select(s => s.Model.Path));
        Assert.Equal(["density", "weight"], read.Modules[0].Slices[0].Sources[1].Parameters.Keys.Order());
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
