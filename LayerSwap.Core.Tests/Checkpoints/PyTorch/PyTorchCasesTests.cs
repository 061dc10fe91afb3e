namespace LayerSwap.Tests.Checkpoints.PyTorch;

/// <summary>Files of torch 1.13 and 2.14, edited real files, and hostile ones, with torch's own contents and a verdict for each.</summary>
public sealed class PyTorchCasesTests
{
    /// <summary>What a refusal must name, for cases whose reason a person can act on.</summary>
    private static readonly Dictionary<string, string> Named = new(StringComparer.Ordinal)
    {
        ["defaultdict.t2.pt"] = "collections.defaultdict",
        ["namespace.t2.pt"] = "argparse.Namespace",
        ["numpy.t2.pt"] = "numpy",
        ["module_whole.t2.pt"] = "torch.nn.modules",
        ["subclass.t2.pt"] = "torch._tensor._rebuild_from_type_v2",
        ["wrap_ema_two.t2.pt"] = "state_dict_ema",
        ["wrap_params_ema.t2.pt"] = "params_ema",
        ["wrap_nested2.t2.pt"] = "checkpoint.model",
        ["optimizer_only.t2.pt"] = "optimizer",
        ["big_endian.pt"] = "big-endian",
        ["deflate.pt"] = "compressed",
        ["Z07_encrypted"] = "encrypted",
        ["P02_os_system"] = "system",
        ["P32_entry_short"] = "archive/data/0",
    };

    public static TheoryData<string> Cases => [.. FormatCases.Read("pytorch").Select(c => c["case"])];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Cases_give_torchs_values_or_are_refused(string name)
    {
        IReadOnlyDictionary<string, string> row = FormatCases.Read("pytorch").Single(c => c["case"] == name);
        string path = Fixture.Path("pytorch", row["input"]);
        const string WithKey = "read with key ";
        OpenOptions options = new()
        {
            Key = row["operation"].StartsWith(WithKey, StringComparison.Ordinal) ? row["operation"][WithKey.Length..] : null,
        };
        ICheckpoint? found = null;
        try
        {
            found = Checkpoint.Open(path, options);
        }
        catch (CheckpointException e)
        {
            Assert.True(row["verdict"].Contains("REJECT", StringComparison.Ordinal), e.Message);
            Assert.Contains(Named.GetValueOrDefault(name, "Remedy"), e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', e.Message);
            return;
        }

        using (found)
        {
            Assert.True(row["verdict"].Contains("ACCEPT", StringComparison.Ordinal), "It was read.");
            if (row["expected"].Length > 0)
            {
                using ICheckpoint expected = Checkpoint.Open(Fixture.Path("pytorch", row["expected"]));
                FormatCases.AssertEqual(expected, found);
            }
        }
    }

    [Fact]
    public void What_was_chosen_left_out_or_shared_is_reported()
    {
        Assert.Contains("dictionary state_dict", Warnings("files/wrap_lightning.t2.ckpt"), StringComparison.Ordinal);
        Assert.Contains("left out", Warnings("files/mixed_values.t2.pt"), StringComparison.Ordinal);
        Assert.Contains("emb.weight = head.weight", Warnings("files/tied.t2.pt"), StringComparison.Ordinal);
        Assert.Equal("", Warnings("files/plain_dict.t2.pt"));
    }

    [Fact]
    public void A_wrong_checksum_is_found_when_the_tensor_is_read()
    {
        using TempFolder temp = new();
        byte[] bytes = File.ReadAllBytes(Fixture.Path("pytorch", "files/plain_dict.t2.pt"));
        using ICheckpoint intact = Checkpoint.Open(Fixture.Path("pytorch", "files/plain_dict.t2.pt"));
        byte[] data = SmallModels.Bytes(intact, "0.weight");
        bytes[bytes.AsSpan().IndexOf(data) + 3] ^= 1;
        File.WriteAllBytes(temp["changed.pt"], bytes);

        using ICheckpoint changed = Checkpoint.Open(temp["changed.pt"]);
        CheckpointException e = Assert.Throws<CheckpointException>(() => SmallModels.Bytes(changed, "0.weight"));

        Assert.Contains("CRC-32", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_of_PyTorch_files_merges_with_safetensors()
    {
        using TempFolder temp = new();
        using ICheckpoint first = Checkpoint.Open(Fixture.Path("pytorch", "files/sharded.t1"));
        using ICheckpoint second = Checkpoint.Open(Fixture.Path("pytorch", "expected/sharded.t1.safetensors"));

        await Merge.Soup(first, second).SaveAsync(temp["out"]);

        using ICheckpoint merged = Checkpoint.Open(temp["out"]);
        FormatCases.AssertEqual(second, merged);
        Assert.DoesNotContain(Directory.GetFiles(temp["out"]), f => f.EndsWith(".bin", StringComparison.Ordinal));
    }

    [Fact]
    public void Safetensors_are_preferred_in_a_folder_with_both()
    {
        using TempFolder temp = new();
        File.Copy(Fixture.Path("pytorch", "files/plain_dict.t2.pt"), temp["pytorch_model.bin"]);
        using (ICheckpoint only = Checkpoint.Open(temp.Path))
        {
            Assert.EndsWith("pytorch_model.bin", only.Files[0].Path, StringComparison.Ordinal);
        }

        File.Copy(Fixture.Path("pytorch", "expected/plain_dict.t2.pt.safetensors"), temp["model.safetensors"]);
        using ICheckpoint both = Checkpoint.Open(temp.Path);
        Assert.EndsWith("model.safetensors", both.Files[0].Path, StringComparison.Ordinal);
    }

    private static string Warnings(string file)
    {
        using ICheckpoint checkpoint = Checkpoint.Open(Fixture.Path("pytorch", file));
        return string.Join(" ", checkpoint.Warnings);
    }
}
