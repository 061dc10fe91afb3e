using System.Reflection;

namespace LayerSwap.Tests;

/// <summary>Where the fixtures and the repository are.</summary>
internal static class Fixture
{
    public static string Root { get; } = typeof(Fixture).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(a => a.Key == "RepositoryRoot").Value!;

    /// <summary>Gets the path of a file or folder in LayerSwap.Core.Tests/Fixtures.</summary>
    public static string Path(params string[] parts) => System.IO.Path.Combine([AppContext.BaseDirectory, "Fixtures", .. parts]);

    /// <summary>One of the trained models that come with the tool: base, math or sahili.</summary>
    public static string Demo(string model) => System.IO.Path.Combine(AppContext.BaseDirectory, "Demo", model);
}
