using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using LayerSwap.Tests.Checkpoints;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>
/// Hostile input with a heap limit of 256 MB gives an error message, no crash, no hang, and no allocation of a declared size.
/// </summary>
public sealed class HostileToolTests : IDisposable
{
    private static readonly string[] Evil =
    [
        "=HYPERLINK(\"http://x\")", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "<script>alert(1)</script>", "a|b`c```\n# d",
        "\u001b[2J\u001b]0;x\u0007", "\u202egnirts", "]](x) ![](y)", "a\"b,c;d", "\0", "'; rm -rf ~",
    ];

    private readonly TempFolder _folder = new();

    private string File1 => _folder["x.safetensors"];

    public void Dispose() => _folder.Dispose();

    [NeedsTheory]
    [InlineData("header of zeros", 99_999_999UL, 100_000_100)]
    [InlineData("header past the end", 99_999_999UL, 1000)]
    [InlineData("header over the limit", 100_000_001UL, 100_000_100)]
    [InlineData("header of exabytes", 0x7FFF_FFFF_FFFF_FFF0UL, 1000)]
    [InlineData("header of all ones", ulong.MaxValue, 1000)]
    public void A_declared_size_beyond_the_file_allocates_no_memory(string what, ulong announced, long length)
    {
        using (FileStream file = new(File1, FileMode.CreateNew))
        {
            byte[] prefix = new byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(prefix, announced);
            file.Write(prefix);
            file.SetLength(length);
        }

        Refused(what, "inspect", File1);
    }

    [NeedsTheory]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,18446744073709551615]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[8],"data_offsets":[18446744073709551608,0]}}""")]
    public void A_declared_tensor_size_beyond_the_file_allocates_no_memory(string header)
    {
        RawFile.Write(File1, header, 8);
        Refused(header, "inspect", File1);
    }

    [NeedsFact]
    public void Headers_of_spaces_or_of_a_hundred_thousand_brackets_give_an_error_message()
    {
        foreach (char c in " [{")
        {
            byte[] header = new byte[c == ' ' ? 90_000_000 : 100_000];
            Array.Fill(header, (byte)c);
            RawFile.Write(File1, header, []);
            Refused($"a header of {c}", "inspect", File1);
        }
    }

    [NeedsTheory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull")]
    [InlineData("<!DOCTYPE html><html><body>404</body></html>", "web page")]
    [InlineData("PK\u0003\u0004\u0014\0\b\b rest of an archive", "zip")]
    public void Every_command_recognizes_web_pages_and_pointers_downloaded_instead_of_weights(string content, string advice)
    {
        File.WriteAllText(File1, content, Encoding.Latin1);
        foreach (string[] command in Commands(File1))
        {
            Assert.Contains(advice, Refused(content, command), StringComparison.Ordinal);
        }
    }

    [NeedsFact]
    public void Every_command_rejects_pipes_devices_and_link_cycles()
    {
        Outside.Run("mkfifo", _folder["pipe"]);
        File.CreateSymbolicLink(_folder["circle"], _folder["circle2"]);
        File.CreateSymbolicLink(_folder["circle2"], _folder["circle"]);
        File.CreateSymbolicLink(_folder["zero"], "/dev/zero");
        Directory.CreateDirectory(_folder["folder"]);
        Outside.Run("mkfifo", _folder["folder", "model.safetensors.index.json"]);
        foreach (string path in
            (string[])[_folder["pipe"], _folder["circle"], "/dev/zero", "/dev/random", _folder["zero"], _folder["folder"]])
        {
            foreach (string[] command in Commands(path))
            {
                Refused(path, command);
            }
        }
    }

    [NeedsTheory]
    [InlineData("../x.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("..\\\\x.safetensors")]
    [InlineData("sub/x.safetensors")]
    public void An_index_that_points_out_of_its_folder_is_rejected(string file)
    {
        RawFile.Vectors(File1, ("a", [1]));
        Directory.CreateDirectory(_folder["m", "sub"]);
        RawFile.Vectors(_folder["m", "sub", "x.safetensors"], ("a", [1]));
        File.WriteAllText(_folder["m", "model.safetensors.index.json"], $"{{\"weight_map\":{{\"a\":\"{file}\"}}}}");
        Assert.Contains("plain file name", Refused(file, "inspect", _folder["m"]), StringComparison.Ordinal);
    }

    [NeedsFact]
    public void A_file_next_to_an_index_and_a_shard_of_another_model_are_rejected()
    {
        Directory.CreateDirectory(_folder["m"]);
        RawFile.Vectors(_folder["m", "model.safetensors"], ("a", [1]));
        RawFile.Vectors(_folder["m", "model-00001-of-00001.safetensors"], ("a", [1]));
        File.WriteAllText(_folder["m", "model.safetensors.index.json"], """{"weight_map":{"a":"model-00001-of-00001.safetensors"}}""");
        Assert.Contains("holds both", Refused("both", "inspect", _folder["m"]), StringComparison.Ordinal);
        File.Delete(_folder["m", "model.safetensors"]);
        RawFile.Vectors(_folder["m", "model-00001-of-00001.safetensors"], ("a", [1]), ("stale", [1]));
        Assert.Contains("stale", Refused("stale", "inspect", _folder["m"]), StringComparison.Ordinal);
    }

    [NeedsFact]
    public void Hostile_tensor_names_are_escaped_in_every_output()
    {
        (string, long[], double[])[] Tensors(double value) =>
            [.. Evil.Select((name, i) => (name, new long[] { 2 }, new double[] { value, i }))];
        string one = Folders.Save(SmallModels.Of("one", DType.Float32, Tensors(1)), _folder["one"]),
            two = Folders.Save(SmallModels.Of("two", DType.Float32, Tensors(2)), _folder["two"]);

        string[] texts =
        [
            Tool.Succeed("inspect", one).Out,
            Tool.Succeed("plan", "merge", "--method", "linear", "--model", one, "--model", two).Out,
            Tool.Succeed(
                "diff", one, two, "--by", "tensor", "--json", _folder["d.json"], "--csv", _folder["d.csv"], "--markdown",
                _folder["d.md"]).Out,
            Tool.Succeed("merge", "--method", "linear", "--model", one, "--model", two, "-o", _folder["out"]).Error,
            File.ReadAllText(_folder["d.csv"]), File.ReadAllText(_folder["d.md"]), File.ReadAllText(_folder["d.json"]),
            File.ReadAllText(_folder["out", "README.md"]), File.ReadAllText(_folder["out", "layerswap.json"]),
            Tool.Succeed("inspect", one, "--json").Out,
            Tool.Succeed("plan", "merge", "--method", "linear", "--model", one, "--model", two, "--json").Out,
            Tool.Succeed("verify", _folder["out"]).Out,
        ];
        Assert.All(
            texts,
            t => Assert.DoesNotContain(
                t.EnumerateRunes(), r => Rune.GetUnicodeCategory(r) == System.Globalization.UnicodeCategory.Control && r.Value != '\n'));
        // Bidirectional overrides are as dangerous on a terminal as control characters.
        Assert.All(texts[..6], t => Assert.DoesNotContain('\u202e', t));

        foreach (string row in File.ReadLines(_folder["d.csv"]))
        {
            Assert.DoesNotMatch(@"(^|,)""?[=+@\t]", row);
            Assert.DoesNotMatch(@"(^|,)""?-[^0-9]", row);
        }

        Assert.DoesNotContain(
            "<script>", File.ReadAllText(_folder["d.md"]).Replace("\\<", "", StringComparison.Ordinal), StringComparison.Ordinal);
        // The card shows the plan in a code fence that its contents cannot close.
        Assert.Equal(2, File.ReadAllText(_folder["out", "README.md"]).Split("```").Length - 1);

        using JsonDocument record = JsonDocument.Parse(File.ReadAllText(_folder["out", "layerswap.json"]));
        Assert.Equal(
            Evil.Order(StringComparer.Ordinal),
            record.RootElement.GetProperty("tensors")
                .EnumerateArray()
                .Select(t => t.GetProperty("name").GetString()!)
                .Order(StringComparer.Ordinal));
        using JsonDocument diff = JsonDocument.Parse(File.ReadAllText(_folder["d.json"]));
        Assert.Equal(
            Evil.Order(StringComparer.Ordinal),
            diff.RootElement.GetProperty("entries")
                .EnumerateArray()
                .Select(t => t.GetProperty("name").GetString()!)
                .Order(StringComparer.Ordinal));
    }

    private string[][] Commands(string path) =>
    [
        ["inspect", path],
        ["diff", Fixture.Set1("base"), path],
        ["merge", "--method", "linear", "--model", path, "-o", _folder["out"]],
    ];

    /// <summary>Requires exit code 3 within the heap limit, with a message and a remedy.</summary>
    private static string Refused(string what, params string[] arguments)
    {
        ToolRun run = Tool.Run(["--quiet", .. arguments], folder: null, ("DOTNET_GCHeapHardLimit", "0x10000000"));
        Assert.True(run.Exit == 3, $"{what}: {run}");
        Assert.Equal("", run.Out);
        Assert.StartsWith("layerswap: ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        return run.Error;
    }
}
