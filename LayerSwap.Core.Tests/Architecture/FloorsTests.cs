using System.Text.RegularExpressions;

namespace LayerSwap.Tests.Architecture;

/// <summary>Tests the structure of the core, read from its sources: the direction of dependencies, circles, lengths, and the words of its
/// comments.</summary>
public sealed partial class FloorsTests
{
    private static readonly Dictionary<string, int> Floors = new(StringComparer.Ordinal)
    {
        ["Common"] = 0,
        ["Tensors"] = 0,
        ["Numerics"] = 0,
        ["Buffers"] = 0,
        ["IO"] = 0,
        ["LayerMaps"] = 1,
        ["Checkpoints"] = 2,
        ["Streaming"] = 2,
        ["Merging"] = 3,
        ["Diff"] = 4,
        ["Planning"] = 4,
        ["Execution"] = 5,
        ["Reports"] = 6,
        [""] = 6,
        ["Recipes"] = 7,
        ["Sweeping"] = 7,
    };

    /// <summary>Words that are the name of a type, and of a member or a variable elsewhere.</summary>
    private static readonly string[] Ambiguous = ["Merge", "Layers", "Checkpoint", "Settings", "BFloat16"];

    /// <summary>The private dialect, and the standard word for each.</summary>
    private static readonly (string Word, string Standard)[] Banned =
    [
        ("held against", "compared with"), ("stands against", "contradicts"), ("beside the weights", "auxiliary"),
            ("so many", "the number of"), ("how manyth", "position"), ("comes of", "results from"),
        ("what is kept", "mask"), ("what is no number", "NaN"), ("as it lies", "undecoded"), ("as they lie", "undecoded"),
            ("told of", "reports to"), ("upon", "on"),
    ];

    private static readonly (string Folder, string Path, string Code)[] Files = [.. Sources()];

    [Fact]
    public void Every_folder_has_a_floor() =>
        Assert.Equal(Floors.Keys.Order(StringComparer.Ordinal),
            Files.Select(f => f.Folder).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));

    [Fact]
    public void No_type_of_a_higher_floor_is_named() =>
        Assert.Empty(Uses().Where(u => Floors[u.To] > Floors[u.From]).Select(u => $"{u.Path} names {u.Type} of {u.To}, which is higher"));

    [Fact]
    public void Folders_have_no_circles()
    {
        Dictionary<string, string[]> edges = Uses().GroupBy(u => u.From, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.Select(u => u.To).Distinct(StringComparer.Ordinal).ToArray(), StringComparer.Ordinal);
        Assert.Empty(edges.Keys.Where(start => Reachable(start, edges).Contains(start, StringComparer.Ordinal))
            .Select(f => $"{(f.Length == 0 ? "the root" : f)} depends on itself"));
    }

    [Fact]
    public void Files_have_600_lines_and_lines_have_140_columns()
    {
        Assert.Empty(Files.Where(f => f.Code.Count(c => c == '\n') > 600).Select(f => f.Path));
        Assert.Empty(AllPaths().SelectMany(p => File.ReadLines(p).Select((line, i) => (line, i)).Where(l => l.line.Length > 140)
            .Select(l => $"{p}:{l.i + 1} has {l.line.Length} columns")));
    }

    [Fact]
    public void Comments_use_the_standard_words() =>
        Assert.Empty(AllPaths().SelectMany(p => Comment().Matches(File.ReadAllText(p)).Select(m => m.Value)
            .SelectMany(c => Banned.Where(b => Regex.IsMatch(c, $@"\b{b.Word}\b", RegexOptions.IgnoreCase))
                .Select(b => $"{p}: instead of '{b.Word}' write '{b.Standard}': {c.Trim()}"))));

    [Fact]
    public void Unsafe_code_is_in_kernels_buffers_and_platform_calls_only() =>
        Assert.Empty(Files.Where(f => f.Folder is not ("Numerics" or "Buffers" or "IO" or "Merging")
            && Word().Matches(WithoutComments(f.Code)).Any(m => m.Value == "unsafe")).Select(f => f.Path));

    /// <summary>Lists the uses of types of other folders; a type with parts in several folders belongs to the lowest.</summary>
    private static IEnumerable<(string From, string To, string Path, string Type)> Uses()
    {
        Dictionary<string, string[]> declared = Files
            .SelectMany(f => Declaration().Matches(f.Code).Select(m => (Name: m.Groups[1].Value, f.Folder)))
            .GroupBy(d => d.Name, StringComparer.Ordinal)
                .ToDictionary(g => g.Key, g => g.Select(d => d.Folder).Distinct(StringComparer.Ordinal).OrderBy(f => Floors[f]).ToArray(),
                    StringComparer.Ordinal);
        foreach ((string folder, string path, string code) in Files)
        {
            foreach (string word in Word().Matches(WithoutComments(code)).Select(m => m.Value).Distinct(StringComparer.Ordinal)
                .Except(Ambiguous, StringComparer.Ordinal))
            {
                if (declared.TryGetValue(word, out string[]? folders) && !folders.Contains(folder, StringComparer.Ordinal))
                {
                    yield return (folder, folders[0], path, word);
                }
            }
        }
    }

    private static HashSet<string> Reachable(string start, Dictionary<string, string[]> edges)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        Stack<string> open = new([start]);
        while (open.TryPop(out string? at))
        {
            foreach (string next in edges.GetValueOrDefault(at, []).Where(seen.Add))
            {
                open.Push(next);
            }
        }

        return seen;
    }

    private static IEnumerable<(string, string, string)> Sources()
    {
        string root = Path.Combine(Fixture.Root, "LayerSwap.Core");
        foreach (string path in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories))
        {
            string relative = Path.GetRelativePath(root, path);
            yield return (relative.Contains('/', StringComparison.Ordinal) ? relative.Split('/')[0] : "", relative, File.ReadAllText(path));
        }
    }

    private static IEnumerable<string> AllPaths() => Directory.EnumerateFiles(Fixture.Root, "*.cs", SearchOption.AllDirectories)
        .Where(p => IsSource(Path.GetRelativePath(Fixture.Root, p)));

    private static bool IsSource(string path) => path.StartsWith("LayerSwap.", StringComparison.Ordinal)
        || path.StartsWith("samples/", StringComparison.Ordinal);

    private static string WithoutComments(string code) => Comment().Replace(Text().Replace(code, "\"\""), "");

    [GeneratedRegex(@"^(?:public|internal)[\w\s]*?\b(?:class|struct|record|interface|enum)\s+(?:struct\s+)?(\w+)", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"\b[A-Za-z_]\w*\b")]
    private static partial Regex Word();

    [GeneratedRegex(@"//.*")]
    private static partial Regex Comment();

    [GeneratedRegex("\"(?:[^\"\\\\\n]|\\\\.)*\"")]
    private static partial Regex Text();
}
