using System.Text;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Checkpoints;

/// <summary>Headers at the limit of what is allowed take memory in proportion, and their tables come in pages.</summary>
public sealed class HeaderLimitTests : IDisposable
{
    private const int Longest = 99_000_000;

    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData("metadata", "__metadata__ has more than")]
    [InlineData("name", "a tensor's name has")]
    [InlineData("field", "a tensor's name has")]
    [InlineData("dtype", "a value of")]
    [InlineData("ignored", null)]
    public void A_very_long_string_needs_little_more_memory_than_the_header(string where, string? error)
    {
        string text = new('a', Longest);
        Write(where switch
        {
            "metadata" => $"{{\"__metadata__\":{{\"x\":\"{text}\"}},\"t\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}}}",
            "name" => $"{{\"{text}\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}}}",
            "field" => $"{{\"t\":{{\"{text}\":1,\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}}}",
            "dtype" => $"{{\"t\":{{\"dtype\":\"{text}\",\"shape\":[1],\"data_offsets\":[0,1]}}}}",
            _ => $"{{\"t\":{{\"x\":\"{text}\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}}}",
        });
        // The header itself, and tables for as many tensors as it could name.
        long before = GC.GetAllocatedBytesForCurrentThread();
        CheckpointException? refused = Record.Exception(() => Checkpoint.Open(_temp["m.safetensors"]).Dispose()) as CheckpointException;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < Longest * 2.2, $"{allocated} bytes were allocated.");
        Assert.Equal(error is null, refused is null);
        if (error is not null)
        {
            Assert.Contains(error, refused!.Message, StringComparison.Ordinal);
            Assert.True(refused.Message.Length < 1000, $"{refused.Message.Length} characters");
        }
    }

    [Fact]
    public void Long_tables_are_paged_and_JSON_is_complete()
    {
        const int Tensors = 1_234;
        IEnumerable<string> entries = Enumerable.Range(0, Tensors)
            .Select(i => $"\"t{i}x\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[{i},{i + 1}]}}");
        Write("{" + string.Join(',', entries) + "}", Tensors);
        using ICheckpoint many = Checkpoint.Open(_temp["m.safetensors"]);
        string first = many.ToText(), last = many.ToText(3);
        Assert.Equal(CheckpointReport.PageLength, first.Split('\n').Count(l => l.StartsWith('t')));
        Assert.Contains("page 1 of 3", first, StringComparison.Ordinal);
        Assert.Equal(234, last.Split('\n').Count(l => l.StartsWith('t')));
        Assert.Contains("t1233x", last, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => many.ToText(0));
        ToolRun second = Tool.Succeed("inspect", _temp["m.safetensors"], "--page", "2");
        Assert.Contains("t500x", second.Out, StringComparison.Ordinal);
        Assert.Contains("--page 0", Tool.Fail(2, "inspect", _temp["m.safetensors"], "--page", "0"), StringComparison.Ordinal);
        Assert.Equal(Tensors, Tool.Succeed("inspect", _temp["m.safetensors"], "--json").Json.Items("tensors").Length);
    }

    [Fact]
    public void An_index_without_tensors_is_rejected_and_unknown_keys_are_ignored()
    {
        Write("""{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""");
        File.Move(_temp["m.safetensors"], _temp["model-00001-of-00001.safetensors"]);
        File.WriteAllText(_temp["model.safetensors.index.json"], """{"weight_map": {}}""");
        Assert.Contains("names no tensor",
            Assert.Throws<CheckpointException>(() => Checkpoint.Open(_temp.Path)).Message, StringComparison.Ordinal);
        File.WriteAllText(_temp["model.safetensors.index.json"],
            """{"x\ud800": 1, "y": "\udc00", "metadata": {"z\ud800": "\ud800"}"""
            + """, "weight_map": {"w": "model-00001-of-00001.safetensors"}}""");
        Checkpoint.Open(_temp.Path).Dispose();
    }

    private void Write(string header, int data = 1)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        using FileStream file = new(_temp["m.safetensors"], FileMode.Create);
        file.Write(BitConverter.GetBytes((long)json.Length));
        file.Write(json);
        file.Write(new byte[data]);
    }
}
