using System.Text.RegularExpressions;

namespace LayerSwap.Tests.Readme;

/// <summary>What the README shows compiles, runs, and is what stands there.</summary>
[Collection(nameof(CurrentFolder))]
public sealed partial class ReadmeTests
{
    private static string Page { get; } = File.ReadAllText(Path.Combine(Fixture.Root, "README.md"));

    [Fact]
    public void Every_sample_is_the_one_that_is_compiled()
    {
        string[] shown = [.. CodeBlock().Matches(Page).Select(m => m.Groups[1].Value)];
        string[] compiled =
        [
            .. Sample().Matches(Source("Readme", "ReadmeSamples.cs")).Select(m => Unindent(m.Groups[1].Value)),
            Source("Outsider", "Median.cs")["namespace LayerSwap.Outsider;\n\n".Length..],
        ];
        Assert.Equal(compiled, shown);
    }

    [Fact]
    public async Task The_samples_run_from_a_folder_with_models()
    {
        using TempFolder temp = new();
        string[] names = ["llama-8b", "llama-8b-math", "llama-8b-swahili"];
        for (int i = 0; i < names.Length; i++)
        {
            await Merge.Onto(SmallModels.Llama(names[i], i, layers: 16)).SaveAsync(temp["models", names[i]]);
        }

        string before = Environment.CurrentDirectory;
        try
        {
            Environment.CurrentDirectory = temp.Path;
            await ReadmeSamples.RunAsync();
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }

        string[] outputs = [.. Directory.EnumerateDirectories(temp["out"]).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];
        Assert.Equal(["arithmetic", "by-diff", "math-swahili", "outer", "rules", "soup"], outputs);
        foreach (string output in outputs)
        {
            Assert.True((await Checkpoint.VerifyAsync(temp["out", output])).Ok, output);
        }
    }

    [Fact]
    public void Every_page_it_links_to_is_there()
    {
        foreach (string folder in (string[])["", "docs/strategies"])
        {
            string page = File.ReadAllText(Path.Combine(Fixture.Root, folder, "README.md"));
            foreach (string link in Link().Matches(page).Select(m => m.Groups[1].Value)
                .Where(l => !l.StartsWith("http", StringComparison.Ordinal)))
            {
                Assert.True(File.Exists(Path.Combine(Fixture.Root, folder, link)), link);
            }
        }
    }

    [Fact]
    public void Every_method_has_a_page_in_the_list_of_strategies()
    {
        string list = File.ReadAllText(Path.Combine(Fixture.Root, "docs", "strategies", "README.md"));
        Assert.All(MergeStrategies.Methods, m => Assert.Contains(m.Name, list, StringComparison.Ordinal));
    }

    private static string Source(string folder, string file) => File
        .ReadAllText(Path.Combine(Fixture.Root, "LayerSwap.Core.Tests", folder, file));

    private static string Unindent(string code) => string
        .Join('\n', code.Split('\n').Select(l => l.StartsWith("        ", StringComparison.Ordinal) ? l[8..] : l));

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"#region sample\n(.*?)        #endregion", RegexOptions.Singleline)]
    private static partial Regex Sample();

    [GeneratedRegex(@"\]\(([^)#]+)\)")]
    private static partial Regex Link();
}

/// <summary>Tests that change the current folder run alone.</summary>
[CollectionDefinition(nameof(CurrentFolder), DisableParallelization = true)]
#pragma warning disable CA1711 // The framework's own suffix.
public sealed class CurrentFolder;
#pragma warning restore CA1711
