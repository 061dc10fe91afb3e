using System.Diagnostics;
using System.IO.Compression;
using System.Reflection;
using System.Xml.Linq;

namespace LayerSwap.Tests.Packaging;

/// <summary>Packs both packages and looks inside.</summary>
public sealed class PackageTests : IClassFixture<PackageTests.Packed>
{
    private readonly Packed _packed;

    public PackageTests(Packed packed) => _packed = packed;

    [Fact]
    public void The_library_has_readme_licence_docs_and_managed_dependencies_only()
    {
        using ZipArchive package = ZipFile.OpenRead(_packed["LayerSwap.Core", ".nupkg"]);
        string[] entries = [.. package.Entries.Select(e => e.FullName)];
        Assert.All((string[])["README.md", "LICENSE", "lib/net10.0/LayerSwap.Core.dll", "lib/net10.0/LayerSwap.Core.xml"],
            file => Assert.Contains(file, entries));
        XElement metadata = Metadata(package);
        Assert.Equal("MIT", Value(metadata, "license"));
        Assert.Equal("README.md", Value(metadata, "readme"));
        Assert.Equal(["Microsoft.Extensions.Logging.Abstractions", "System.IO.Hashing", "System.Numerics.Tensors", "YamlDotNet"],
            Dependencies(metadata));
        Assert.DoesNotContain(entries, e => e.StartsWith("runtimes/", StringComparison.Ordinal));
    }

    [Fact]
    public void The_library_has_symbols()
    {
        using ZipArchive package = ZipFile.OpenRead(_packed["LayerSwap.Core", ".snupkg"]);
        Assert.Contains(package.Entries, e => e.FullName == "lib/net10.0/LayerSwap.Core.pdb");
    }

    [Fact]
    public void The_tool_has_its_command_and_its_demo()
    {
        using ZipArchive package = ZipFile.OpenRead(_packed["LayerSwap.Cli", ".nupkg"]);
        string[] entries = [.. package.Entries.Select(e => e.FullName)];
        Assert.All((string[])["README.md", "LICENSE", "tools/net10.0/any/layerswap.dll"], file => Assert.Contains(file, entries));
        Assert.All((string[])["base", "math", "sahili"],
            model => Assert.Contains($"tools/net10.0/any/Demo/{model}/model.safetensors", entries));
        XElement metadata = Metadata(package);
        Assert.Equal("DotnetTool", metadata.Descendants().Single(e => e.Name.LocalName == "packageType").Attribute("name")!.Value);
        using Stream settings = package.GetEntry("tools/net10.0/any/DotnetToolSettings.xml")!.Open();
        Assert.Equal("layerswap", XDocument.Load(settings).Descendants("Command").Single().Attribute("Name")!.Value);
    }

    [Fact]
    public void Every_public_member_of_the_library_is_documented()
    {
        using ZipArchive package = ZipFile.OpenRead(_packed["LayerSwap.Core", ".nupkg"]);
        using Stream docs = package.GetEntry("lib/net10.0/LayerSwap.Core.xml")!.Open();
        HashSet<string> documented = [.. XDocument.Load(docs).Descendants("member").Select(m => m.Attribute("name")!.Value)];
        Assert.All(typeof(Checkpoint).Assembly.GetExportedTypes(), t => Assert.Contains("T:" + t.FullName!.Replace('+', '.'), documented));
    }

    private static XElement Metadata(ZipArchive package)
    {
        using Stream stream = package.Entries.Single(e => e.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        return XDocument.Load(stream).Root!.Elements().Single(e => e.Name.LocalName == "metadata");
    }

    private static string Value(XElement metadata, string name) => metadata.Elements().Single(e => e.Name.LocalName == name).Value;

    private static IEnumerable<string> Dependencies(XElement metadata) =>
        metadata.Descendants().Where(e => e.Name.LocalName == "dependency")
            .Select(e => e.Attribute("id")!.Value).Order(StringComparer.Ordinal);

    /// <summary>Both packages, packed once from what is built.</summary>
    public sealed class Packed : IDisposable
    {
        private readonly TempFolder _temp = new();

        public Packed()
        {
            string configuration = typeof(PackageTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
            foreach (string project in (string[])["LayerSwap.Core", "LayerSwap.Cli"])
            {
                ProcessStartInfo start = new("dotnet",
                    ["pack", Path.Combine(Fixture.Root, project), "-c", configuration, "--no-build", "-o", _temp.Path, "-v", "quiet"])
                {
                    RedirectStandardOutput = true,
                    UseShellExecute = false,
                };
                // The test host's own settings would mislead the SDK.
                foreach (
                    string name in start.Environment.Keys.Where(k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
                {
                    start.Environment.Remove(name);
                }

                using Process pack = Process.Start(start)!;
                string output = pack.StandardOutput.ReadToEnd();
                pack.WaitForExit();
                Assert.True(pack.ExitCode == 0, output);
            }
        }

        public string this[string package, string extension] =>
            Directory.EnumerateFiles(_temp.Path, package + ".*" + extension)
                .Single(f => f.EndsWith(extension, StringComparison.Ordinal)
                    && !(extension == ".nupkg" && f.EndsWith(".snupkg", StringComparison.Ordinal)));

        public void Dispose() => _temp.Dispose();
    }
}
