using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>Overwriting replaces models, not folders of other things.</summary>
public sealed class OverwriteTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [NeedsTheory]
    [InlineData("documents", "thesis.tex")]
    [InlineData("a model and a document", "thesis.tex")]
    [InlineData("a model and a folder", "data")]
    [InlineData("a model and code that its configuration does not ask for", "train.py")]
    [InlineData("a program with a config.json", "main.py")]
    [InlineData("two loose models", "b.safetensors")]
    [InlineData("a model and a recipe", "mergekit_config.yml")]
    [InlineData("a model and a document of a like name", "LICENSE-thesis.pdf")]
    [InlineData("a model and words", "vocabulary-lesson.txt")]
    [InlineData("a list of processors", "README.md")]
    [InlineData("results", "results.safetensors")]
    [InlineData("a pipe", "pipe")]
    [InlineData("a finished output and a document", "thesis.tex")]
    public void A_folder_that_is_not_a_model_is_rejected_and_foreign_files_are_named(string what, string named)
    {
        string output = _folder["out"];
        Directory.CreateDirectory(output);
        if (what.StartsWith("a model", StringComparison.Ordinal))
        {
            Directory.Delete(output);
            Folders.CopyDemo("base", output);
        }
        else if (what.StartsWith("a finished output", StringComparison.Ordinal))
        {
            Tool.Succeed(Arguments(output));
        }

        switch (what)
        {
            case "a model and a folder":
                Directory.CreateDirectory(Path.Combine(output, "data"));
                break;
            case "a program with a config.json":
                File.WriteAllText(Path.Combine(output, "config.json"), """{"port": 8080}""");
                File.WriteAllText(Path.Combine(output, "main.py"), "years");
                break;
            case "a list of processors":
                File.WriteAllText(Path.Combine(output, "config.json"), """{"architectures": ["amd64", "arm64"]}""");
                File.WriteAllText(Path.Combine(output, "README.md"), "years");
                break;
            case "two loose models":
                File.Copy(Path.Combine(Fixture.Set1("base"), "model.safetensors"), Path.Combine(output, "a.safetensors"));
                File.Copy(Path.Combine(Fixture.Set1("base"), "model.safetensors"), Path.Combine(output, "b.safetensors"));
                break;
            case "a pipe":
                Outside.Run("mkfifo", Path.Combine(output, "pipe"));
                break;
            default:
                File.WriteAllText(Path.Combine(output, named), "years");
                break;
        }

        string[] before = what == "a pipe" ? [] : Folders.Snapshot(_folder.Path);
        // Resume leaves a finished output unchanged.
        foreach (string[] more in
            what.StartsWith("a finished", StringComparison.Ordinal)
                ? (string[][])[["--overwrite"]]
                : [["--overwrite"], ["--overwrite", "--resume"]])
        {
            string error = Tool.Fail(2, [.. Arguments(output), .. more]);
            Assert.Contains("is not replaced", error, StringComparison.Ordinal);
            Assert.Contains(named, error, StringComparison.Ordinal);
            Assert.Contains("Remedy: ", error, StringComparison.Ordinal);
            Assert.Equal(before, what == "a pipe" ? [] : Folders.Snapshot(_folder.Path));
        }
    }

    [NeedsTheory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("../work")]
    public void The_current_folder_is_not_replaced(string output)
    {
        Folders.CopyDemo("base", _folder["work"]);
        Folders.CopyDemo("base", _folder.Path + "/x");
        string[] before = Folders.Snapshot(_folder.Path);
        ToolRun run = Tool.Run([.. Arguments(output), "--overwrite", "--quiet"], _folder["work"]);
        Assert.True(run.Exit == 2, run.ToString());
        Assert.Equal(before, Folders.Snapshot(_folder.Path));
    }

    [NeedsFact]
    public void A_model_is_replaced_even_if_its_files_are_links()
    {
        Folders.CopyDemo("base", _folder["blobs"]);
        Directory.CreateDirectory(_folder["out"]);
        foreach (string file in Folders.Names(_folder["blobs"]))
        {
            File.CreateSymbolicLink(_folder["out", file], _folder["blobs", file]);
        }

        string[] blobs = Folders.Snapshot(_folder["blobs"]);
        Tool.Succeed([.. Arguments(_folder["out"]), "--overwrite"]);
        Tool.Succeed("verify", _folder["out"]);
        Assert.Equal(blobs, Folders.Snapshot(_folder["blobs"]));
        Tool.Succeed([.. Arguments(_folder["out"]), "--overwrite"]);
        Assert.Equal(["blobs", "out"], Folders.Names(_folder.Path));
    }

    [NeedsTheory]
    [InlineData("models/base/config.json")]
    [InlineData("report/diff.html")]
    [InlineData("math-sahili/model.safetensors")]
    [InlineData("thesis.tex")]
    [InlineData("LINK models")]
    [InlineData("LINK report")]
    [InlineData("PIPE models/base/config.json")]
    [InlineData("PIPE models")]
    public void The_demo_does_not_overwrite_foreign_files(string what)
    {
        string file = _folder["d", what.Split(' ')[^1]];
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        Directory.CreateDirectory(_folder["elsewhere"]);
        if (what.StartsWith("LINK", StringComparison.Ordinal))
        {
            Directory.CreateSymbolicLink(file, "../elsewhere");
        }
        else if (what.StartsWith("PIPE", StringComparison.Ordinal))
        {
            Outside.Run("mkfifo", file);
        }
        else
        {
            File.WriteAllText(file, "mine");
        }

        string[] before =
            [.. Directory.EnumerateFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        Assert.Contains("not the demo's", Tool.Fail(2, "demo", _folder["d"]), StringComparison.Ordinal);
        Assert.Equal(
            before, Directory.EnumerateFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
        Assert.True(what.Contains(' ', StringComparison.Ordinal) || File.ReadAllText(file) == "mine");
    }

    [NeedsFact]
    public void An_existing_folder_keeps_its_permissions()
    {
        Directory.CreateDirectory(_folder["out"]);
        Outside.Run("chmod", "700", _folder["out"]);
        foreach (string[] more in (string[][])[[], ["--overwrite"]])
        {
            Tool.Succeed([.. Arguments(_folder["out"]), .. more]);
            Outside.Run("sh", "-c", $"test $(stat -c %a {_folder["out"]}) = 700");
        }
    }

    [NeedsFact(Needs.Mount)]
    public void A_mount_point_is_rejected_as_output_before_any_work()
    {
        Directory.CreateDirectory(_folder["volume"]);
        Outside.Run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", _folder["volume"]);
        try
        {
            Assert.Contains("mounted", Tool.Fail(2, Arguments(_folder["volume"])), StringComparison.Ordinal);
            Tool.Succeed(Arguments(_folder["volume", "out"]));
        }
        finally
        {
            Outside.Run("umount", _folder["volume"]);
        }
    }

    [NeedsFact(Needs.Mount)]
    public void A_model_folder_reached_through_a_mount_is_an_input()
    {
        Folders.CopyDemo("math", _folder["math"]);
        Directory.CreateDirectory(_folder["math", "sub"]);
        Directory.CreateDirectory(_folder["with space"]);
        Outside.Run("mount", "--bind", _folder["math", "sub"], _folder["with space"]);
        try
        {
            string error = Tool.Fail(
                2, "merge", "--method", "linear", "--model", _folder["math"], "--model", Fixture.Set1("sahili"), "-o",
                _folder["with space", "out"]);
            Assert.Contains("Inputs are never changed", error, StringComparison.Ordinal);
            Assert.Empty(Folders.Names(_folder["math", "sub"]));
        }
        finally
        {
            Outside.Run("umount", _folder["with space"]);
        }
    }

    private static string[] Arguments(string output) =>
        ["merge", "--method", "linear", "--model", Fixture.Set1("math"), "--model", Fixture.Set1("sahili"), "-o", output];
}
