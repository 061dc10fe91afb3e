namespace LayerSwap.Tests.Cli;

public sealed class BadInputTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_truncated_file_is_named_with_the_number_of_missing_bytes()
    {
        string path = _folder["cut.safetensors"];
        File.WriteAllBytes(path, File.ReadAllBytes(Path.Combine(Fixture.Set1("base"), "model.safetensors"))[..^10]);

        foreach (string[] command in Commands(path))
        {
            string error = Tool.Fail(3, command);
            Assert.Contains(path, error, StringComparison.Ordinal);
            Assert.Contains("10 bytes are missing", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_missing_path_is_named()
    {
        string path = _folder["no", "model"];

        foreach (string[] command in Commands(path))
        {
            Assert.Contains($"{path} does not exist. Remedy: check the path.", Tool.Fail(3, command), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_error_for_an_empty_folder_names_the_expected_files() =>
        Assert.Contains("holds no model.safetensors", Tool.Fail(3, "inspect", _folder.Path), StringComparison.Ordinal);

    [Fact]
    public void An_invalid_header_is_rejected()
    {
        File.WriteAllText(_folder["model.safetensors"], "This is not a model, however long one looks at it.");

        Assert.Contains("is not a valid safetensors file", Tool.Fail(3, "inspect", _folder.Path), StringComparison.Ordinal);
    }

    [Fact]
    public void Control_characters_in_a_name_do_not_reach_the_terminal() =>
        Assert.DoesNotContain('\u001b', Tool.Fail(3, "inspect", _folder["\u001b[31mred"]));

    private string[][] Commands(string path) =>
    [
        ["inspect", path],
        ["diff", Fixture.Set1("base"), path],
        ["swap", "--task", Fixture.Set1("math"), "--language", path, "--bottom", "1", "--top", "1", "-o", _folder["out"]],
        ["merge", "--method", "linear", "--model", path, "-o", _folder["out"]],
    ];
}
