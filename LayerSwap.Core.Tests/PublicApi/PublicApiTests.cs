namespace LayerSwap.Tests.PublicApi;

/// <summary>The public API is pinned: a change to it is a change to LayerSwap.Core.txt, made on purpose.</summary>
public sealed class PublicApiTests
{
    private static string Pinned => Path.Combine(Fixture.Root, "LayerSwap.Core.Tests", "PublicApi", "LayerSwap.Core.txt");

    [Fact]
    public void The_public_API_matches_the_text_file()
    {
        string actual = ApiText.Of(typeof(Checkpoint).Assembly);
        if (Environment.GetEnvironmentVariable("LAYERSWAP_PIN_API") == "1")
        {
            File.WriteAllText(Pinned, actual);
        }

        Assert.Equal(File.ReadAllText(Pinned), actual);
    }

    [Fact]
    public void Every_public_type_is_in_the_one_namespace() =>
        Assert.All(typeof(Checkpoint).Assembly.GetExportedTypes(), t => Assert.Equal("LayerSwap", t.Namespace));
}
