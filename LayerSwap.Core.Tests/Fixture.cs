using System.Reflection;

namespace LayerSwap.Tests;

/// <summary>Where the fixtures and the repository are.</summary>
internal static class Fixture
{
    public static string Root { get; } = typeof(Fixture).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(a => a.Key == "RepositoryRoot").Value!;

    /// <summary>Gets the path of a file or folder in LayerSwap.Core.Tests/Fixtures.</summary>
    public static string Path(params string[] parts) => System.IO.Path.Combine([AppContext.BaseDirectory, "Fixtures", .. parts]);

    /// <summary>A model of the first set of trained models: base, math, math-2, sahili or sahili-2.</summary>
    public static string Set1(string model) => Path("miniature", model);

    /// <summary>
    /// A model of the second set: base, math, math-2, sahili or sahili-2. Those that come with the tool are in its Demo folder.
    /// </summary>
    public static string Set2(string model) => model.EndsWith("-2", StringComparison.Ordinal)
        ? Path("miniature-2", model)
        : System.IO.Path.Combine(AppContext.BaseDirectory, "Demo", model);
}
