using System.Diagnostics;
using System.Text;
using LayerSwap.Tests.Checkpoints;

namespace LayerSwap.Tests.Conformance;

/// <summary>Paths named .safetensors that are no valid file are rejected without a hang or a crash.</summary>
public sealed class HostileFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Target => _folder["x.safetensors"];

    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull")]
    [InlineData("<!DOCTYPE html><html><body>404</body></html>", "web page")]
    [InlineData("<html><head></head></html>", "web page")]
    [InlineData("<?xml version=\"1.0\"?><Error/>", "web page")]
    [InlineData("PK\u0003\u0004\u0014\0\b\b rest of an archive", "zip")]
    [InlineData("PK\u0003\u0004\0\0\0\0 rest of an archive", "zip")]
    [InlineData("{\"error\":\"Repository not found\"}", "header")]
    [InlineData("Entry not found", "header")]
    public void Files_of_another_format_are_identified(string content, string advice)
    {
        File.WriteAllText(Target, content, Encoding.Latin1);
        string message = RawFile.Refused(Target).Message;
        Assert.Contains(Target, message, StringComparison.Ordinal);
        Assert.Contains(advice, message, StringComparison.Ordinal);
        Assert.Contains("Remedy", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_file_is_rejected()
    {
        File.WriteAllBytes(Target, []);
        Assert.Contains("empty", RawFile.Refused(Target).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_path_is_rejected()
    {
        CheckpointException error = RawFile.Refused(Target);
        Assert.Equal(Target, error.File);
        Assert.Contains("does not exist", error.Message, StringComparison.Ordinal);
        RawFile.Refused(_folder["no", "such", "folder", "x.safetensors"]);
        Assert.Throws<ArgumentException>(() => Checkpoint.Open(""));
    }

    [Fact]
    public void A_path_through_a_file_is_rejected()
    {
        RawFile.Vectors(Target, ("a", [1]));
        RawFile.Refused(Path.Combine(Target, "model.safetensors"));
    }

    [Theory]
    [InlineData("x.safetensors")]
    [InlineData("model.safetensors.index.json")]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    public async Task A_pipe_is_rejected_without_waiting(string name)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using Process make = Process.Start("mkfifo", _folder[name]);
        await make.WaitForExitAsync();
        bool beside = name is "config.json" or "tokenizer.json";
        if (beside)
        {
            RawFile.Vectors(_folder["model.safetensors"], ("a", [1]));
        }

        Task open = Task.Run(() =>
        {
            using ICheckpoint checkpoint = Checkpoint.Open(name == "x.safetensors" ? Target : _folder.Path);
            LayerSwap.Checkpoints.ModelConfig.TryRead(checkpoint);
            LayerSwap.Checkpoints.TokenizerVocabulary.TryRead(checkpoint);
        });
        CheckpointException error = await Assert.ThrowsAsync<CheckpointException>(() => open.WaitAsync(TimeSpan.FromSeconds(15)));
        Assert.Contains("pipe", error.Message, StringComparison.Ordinal);
        Assert.Equal(_folder[name], error.File);
    }

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/dev/zero")]
    public async Task A_device_is_rejected(string device)
    {
        if (!File.Exists(device))
        {
            return;
        }

        await Assert.ThrowsAsync<CheckpointException>(() => Task.Run(() => Checkpoint.Open(device)).WaitAsync(TimeSpan.FromSeconds(15)));
    }

    [Fact]
    public void A_folder_with_a_file_extension_is_searched_and_rejected_if_empty()
    {
        Directory.CreateDirectory(Target);
        Assert.Contains("holds no model.safetensors", RawFile.Refused(Target).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_named_model_safetensors_is_rejected()
    {
        Directory.CreateDirectory(_folder["model.safetensors"]);
        RawFile.Refused(_folder.Path);
    }

    [Fact]
    public void Chains_of_links_to_a_valid_file_are_followed()
    {
        RawFile.Vectors(_folder["blob"], ("a", [1, 2]));
        File.CreateSymbolicLink(_folder["middle"], "blob");
        File.CreateSymbolicLink(Target, _folder["middle"]);
        using ICheckpoint checkpoint = Checkpoint.Open(Target);
        Assert.Equal([1, 2], SmallModels.Bytes(checkpoint, "a"));
        Assert.Equal(Target, checkpoint.Name);
    }

    [Theory]
    [InlineData("x.safetensors")]
    [InlineData("model.safetensors")]
    public void A_broken_link_is_rejected_with_its_target(string name)
    {
        File.CreateSymbolicLink(_folder[name], _folder["gone"]);
        Assert.Contains(_folder["gone"], RawFile.Refused(_folder[name]).Message, StringComparison.Ordinal);
        Assert.Contains(_folder["gone"], RawFile.Refused(_folder.Path).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_cycle_is_rejected()
    {
        File.CreateSymbolicLink(Target, _folder["y"]);
        File.CreateSymbolicLink(_folder["y"], Target);
        CheckpointException error = RawFile.Refused(Target);
        Assert.Equal(Target, error.File);
        Assert.Contains("link", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_to_a_folder_is_followed()
    {
        Directory.CreateDirectory(_folder["model"]);
        RawFile.Vectors(_folder["model", "model.safetensors"], ("a", [9]));
        Directory.CreateSymbolicLink(_folder["link"], _folder["model"]);
        using ICheckpoint checkpoint = Checkpoint.Open(_folder["link"]);
        Assert.Equal([9], SmallModels.Bytes(checkpoint, "a"));
    }

    [Fact]
    public void Control_characters_in_a_files_name_are_escaped_in_the_message()
    {
        string path = _folder["a\u001b[2Jb.safetensors"];
        File.WriteAllText(path, "<html></html>");
        CheckpointException error = RawFile.Refused(path);
        Assert.Equal(path, error.File);
        Assert.Contains("a\\u001B[2Jb.safetensors", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    [Fact]
    public void A_long_name_is_truncated_between_characters()
    {
        string name = new string('n', 199) + "😀" + new string('m', 10);
        RawFile.Write(Target, $"{{\"{name}\":7}}");
        CheckpointException error = RawFile.Refused(Target);
        Assert.Equal(name, error.Tensor);
        Assert.Contains(new string('n', 199), error.Message, StringComparison.Ordinal);
        Assert.Contains("211 characters", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(error.Message.EnumerateRunes(), r => r == System.Text.Rune.ReplacementChar);
    }

    public void Dispose() => _folder.Dispose();
}
