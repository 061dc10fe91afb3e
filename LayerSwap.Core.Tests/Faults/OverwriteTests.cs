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
    [InlineData("a pipe", "pipe")]
    [InlineData("a finished output and a document", "thesis.tex")]
    public void A_folder_of_anything_but_a_model_is_refused_and_what_is_foreign_is_named(string what, string named)
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
            case "two loose models":
                File.Copy(Path.Combine(Fixture.Demo("base"), "model.safetensors"), Path.Combine(output, "a.safetensors"));
                File.Copy(Path.Combine(Fixture.Demo("base"), "model.safetensors"), Path.Combine(output, "b.safetensors"));
                break;
            case "a pipe":
                Outside.Run("mkfifo", Path.Combine(output, "pipe"));
                break;
            default:
                File.WriteAllText(Path.Combine(output, named), "years");
                break;
        }

        string[] before = what == "a pipe" ? [] : Folders.Snapshot(_folder.Path);
        // Resumed, a finished output is left as it is.
        foreach (string[] more in what.StartsWith("a finished", StringComparison.Ordinal) ? (string[][])[["--overwrite"]] : [["--overwrite"], ["--overwrite", "--resume"]])
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
    public void The_folder_that_the_command_runs_in_is_not_replaced(string output)
    {
        Folders.CopyDemo("base", _folder["work"]);
        Folders.CopyDemo("base", _folder.Path + "/x");
        string[] before = Folders.Snapshot(_folder.Path);
        ToolRun run = Tool.Run([.. Arguments(output), "--overwrite", "--quiet"], _folder["work"]);
        Assert.True(run.Exit == 2, run.ToString());
        Assert.Equal(before, Folders.Snapshot(_folder.Path));
    }

    [NeedsFact]
    public void A_model_is_replaced_also_one_that_links_to_its_files()
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

    [NeedsFact]
    public void The_demo_writes_only_where_nothing_of_others_is()
    {
        Directory.CreateDirectory(_folder["d", "models", "base"]);
        File.WriteAllText(_folder["d", "models", "base", "config.json"], "mine");
        string[] before = Folders.Snapshot(_folder.Path);
        Assert.Contains("is not the demo's", Tool.Fail(2, "demo", _folder["d"]), StringComparison.Ordinal);
        Assert.Equal(before, Folders.Snapshot(_folder.Path));
        File.WriteAllText(_folder["d", "thesis.tex"], "years");
        Assert.Contains("thesis.tex", Tool.Fail(2, "demo", _folder["d"]), StringComparison.Ordinal);
    }

    private static string[] Arguments(string output) =>
        ["merge", "--method", "linear", "--model", Fixture.Demo("math"), "--model", Fixture.Demo("sahili"), "-o", output];
}
