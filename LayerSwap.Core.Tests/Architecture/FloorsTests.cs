using System.Text.RegularExpressions;

namespace LayerSwap.Tests.Architecture;

/// <summary>The direction of dependencies, read from the sources: a lower floor names neither the namespace nor a type of a higher one.</summary>
public sealed partial class FloorsTests
{
    private static readonly Dictionary<string, int> Floors = new(StringComparer.Ordinal)
    {
        ["Tensors"] = 0,
        ["Numerics"] = 0,
        ["Files"] = 0,
        ["Checkpoints"] = 1,
        ["Models"] = 1,
        ["Streaming"] = 2,
        ["Analysis"] = 3,
        ["Merging"] = 3,
        ["Planning"] = 4,
        ["Execution"] = 5,
        ["Reports"] = 5,
        ["Recipes"] = 6,
        ["Sweeping"] = 6,
        [""] = 6,
    };

    private static readonly (string Folder, string Path, string Code)[] Files = [.. Sources()];

    [Fact]
    public void Every_folder_has_a_floor() =>
        Assert.Equal(Floors.Keys.Order(StringComparer.Ordinal), Files.Select(f => f.Folder).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));

    [Fact]
    public void No_using_goes_up()
    {
        foreach ((string folder, string path, string code) in Files)
        {
            foreach (Match use in Using().Matches(code))
            {
                string used = use.Groups[1].Value;
                Assert.True(Floors[used] <= Floors[folder], $"{path} uses LayerSwap.{used}, which lies higher");
            }
        }
    }

    [Fact]
    public void No_type_of_a_higher_floor_is_named()
    {
        var declared = Files.SelectMany(f => Declaration().Matches(f.Code).Select(m => (Name: m.Groups[1].Value, Floor: Floors[f.Folder])))
            .GroupBy(d => d.Name, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Min(d => d.Floor), StringComparer.Ordinal);
        // Words that are a type's name above and a member's, a method's or a variable's name below.
        string[] ambiguous = ["Merge", "Layers", "Checkpoint", "Settings"];
        foreach ((string folder, string path, string code) in Files)
        {
            foreach (string word in Word().Matches(WithoutComments(code)).Select(m => m.Value).Distinct(StringComparer.Ordinal).Except(ambiguous, StringComparer.Ordinal))
            {
                Assert.False(declared.TryGetValue(word, out int floor) && floor > Floors[folder], $"{path} names {word}, which lies higher");
            }
        }
    }

    [Fact]
    public void Files_are_small()
    {
        int[] lengths = [.. Files.Select(f => f.Code.Count(c => c == '\n')).Order()];
        Assert.True(lengths[^1] <= 600, $"the longest file has {lengths[^1]} lines");
        Assert.True(lengths[lengths.Length * 9 / 10] <= 250, $"a tenth of the files have {lengths[lengths.Length * 9 / 10]} lines or more");
    }

    [Fact]
    public void Unsafe_code_lies_in_Numerics_alone() =>
        Assert.DoesNotContain(Files, f => f.Folder != "Numerics" && Word().Matches(WithoutComments(f.Code)).Any(m => m.Value == "unsafe"));

    private static IEnumerable<(string, string, string)> Sources()
    {
        string root = Path.Combine(Fixture.Root, "LayerSwap.Core");
        foreach (string path in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories))
        {
            string relative = Path.GetRelativePath(root, path);
            yield return (relative.Contains('/', StringComparison.Ordinal) ? relative.Split('/')[0] : "", relative, File.ReadAllText(path));
        }
    }

    private static string WithoutComments(string code) => Comment().Replace(Text().Replace(code, "\"\""), "");

    [GeneratedRegex(@"^using LayerSwap\.(\w+)", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(@"^(?:public|internal)[\w\s]*?\b(?:class|struct|record|interface|enum)\s+(?:struct\s+)?(\w+)", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"\b[A-Za-z_]\w*\b")]
    private static partial Regex Word();

    [GeneratedRegex(@"//.*")]
    private static partial Regex Comment();

    [GeneratedRegex("\"(?:[^\"\\\\\n]|\\\\.)*\"")]
    private static partial Regex Text();
}
