namespace LayerSwap.Tests.Checkpoints;

public sealed class CheckpointFolderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    [Fact]
    public void A_folder_with_one_file_has_the_folders_name()
    {
        RawFile.VectorsWith(_folder["model.safetensors"], "\"__metadata__\":{\"format\":\"pt\"},", ("a", [1, 2]));
        using ICheckpoint checkpoint = Checkpoint.Open(_folder.Path);
        Assert.Equal(_folder.Path, checkpoint.Name);
        Assert.Equal(_folder.Path, checkpoint.Folder);
        Assert.Equal("pt", checkpoint.Metadata["format"]);
        Assert.Equal(_folder["model.safetensors"], checkpoint.FileOf("a"));
        Assert.Equal([1, 2], SmallModels.Bytes(checkpoint, "a"));
        Assert.Equal(1 + new FileInfo(_folder["model.safetensors"]).Length, 1 + Assert.Single(checkpoint.Files).Length);
        Assert.Null(checkpoint.Find("b"));
    }

    [Fact]
    public void A_single_file_with_another_name_is_opened()
    {
        RawFile.Vectors(_folder["adapter.safetensors"], ("a", [3]));
        File.WriteAllText(_folder["config.json"], "{}");
        using ICheckpoint checkpoint = Checkpoint.Open(_folder.Path);
        Assert.Equal([3], SmallModels.Bytes(checkpoint, "a"));
    }

    [Fact]
    public void The_usual_file_name_is_preferred()
    {
        RawFile.Vectors(_folder["adapter.safetensors"], ("a", [3]));
        RawFile.Vectors(_folder["model.safetensors"], ("a", [4]));
        using ICheckpoint checkpoint = Checkpoint.Open(_folder.Path);
        Assert.Equal([4], SmallModels.Bytes(checkpoint, "a"));
    }

    [Fact]
    public void Several_files_without_an_index_are_rejected_with_their_count()
    {
        RawFile.Vectors(_folder["model-00001-of-00002.safetensors"], ("a", [3]));
        RawFile.Vectors(_folder["model-00002-of-00002.safetensors"], ("b", [3]));
        CheckpointException error = RawFile.Refused(_folder.Path);
        Assert.Equal(_folder.Path, error.File);
        Assert.Contains("2 .safetensors files", error.Message, StringComparison.Ordinal);
        Assert.Contains("model.safetensors.index.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_PyTorch_file_in_a_folder_is_rejected_as_such()
    {
        File.WriteAllText(_folder["pytorch_model.bin"], "PK");
        string message = RawFile.Refused(_folder.Path).Message;
        Assert.Contains("pytorch_model.bin is a PyTorch file that cannot be read", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_folder_is_rejected_and_the_message_lists_the_expected_files()
    {
        string message = RawFile.Refused(_folder.Path).Message;
        Assert.Contains(_folder.Path, message, StringComparison.Ordinal);
        Assert.Contains("model.safetensors and no model.safetensors.index.json", message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
