using LayerSwap.Tests.Faults;

namespace LayerSwap.Tests.Cli;

/// <summary>Paths as people and scripts give them.</summary>
public sealed class PathTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [NeedsFact]
    public void A_path_that_begins_with_an_at_sign_is_a_path()
    {
        Folders.CopyDemo("math", _folder["@math"]);
        ToolRun run = Tool.Run(["inspect", "@math", "--quiet"], _folder.Path);
        Assert.True(run.Exit == 0, run.ToString());
        Assert.StartsWith("@math: ", run.Out, StringComparison.Ordinal);
    }

    [NeedsTheory]
    [InlineData("/")]
    [InlineData("")]
    [InlineData("LONG")]
    [InlineData("LONG-PARTIAL")]
    public void Invalid_output_paths_are_rejected_and_named(string path)
    {
        string output = path switch { "LONG" => _folder[new string('x', 256)], "LONG-PARTIAL" => _folder[new string('x', 240)], _ => path };
        foreach (string[] command in
            (string[][])[["clean", output], ["merge", "--method", "linear", "--model", Fixture.Set1("math"), "-o", output]])
        {
            if (path.Length == 0 && command[0] == "merge")
            {
                continue;
            }

            string error = Tool.Fail(2, command);
            Assert.Contains(path.Length == 0 ? "''" : output[..Math.Min(output.Length, 150)], error, StringComparison.Ordinal);
        }

        Assert.Empty(Folders.Names(_folder.Path));
    }

    [NeedsFact]
    public void A_missing_plan_is_bad_input() =>
        Assert.Contains("does not exist", Tool.Fail(3, "run", _folder["none.json"]), StringComparison.Ordinal);

    [NeedsFact]
    public void A_plan_with_an_edited_tensor_list_is_rejected()
    {
        string[] swap = [
            "swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "-o",
            _folder["out"]];
        string plan = Tool.Succeed(["plan", .. swap, "--json", "--quiet"]).Out;
        File.WriteAllText(
            _folder["plan.json"], plan.Replace("\"operation\": \"merge\"", "\"operation\": \"take\"", StringComparison.Ordinal));
        Assert.Contains("the list of tensors differs", Tool.Fail(3, "run", _folder["plan.json"]), StringComparison.Ordinal);
        File.WriteAllText(_folder["plan.json"], plan);
        Tool.Succeed("run", _folder["plan.json"]);
    }

    [NeedsFact]
    public void A_report_inside_a_model_folder_is_rejected()
    {
        Folders.CopyDemo("math", _folder["math"]);
        Directory.CreateSymbolicLink(_folder["link"], "math");
        string[] before = Folders.Snapshot(_folder.Path);
        foreach (string report in
            (string[])[_folder["math", "diff.json"], _folder["link", "config.json"], _folder.Path + "/link/../math/new.json"])
        {
            Assert.Contains(
                "Inputs are never changed",
                Tool.Fail(2, "diff", Fixture.Set1("base"), _folder["math"], "--json", report),
                StringComparison.Ordinal);
            Assert.Equal(before, Folders.Snapshot(_folder.Path));
        }
    }

    [NeedsFact]
    public void Pictures_create_no_folder_in_a_model_and_reports_can_go_to_special_files()
    {
        Folders.CopyDemo("math", _folder["math"]);
        Assert.Contains(
            "Inputs are never changed",
            Tool.Fail(2, "diff", Fixture.Set1("base"), _folder["math"], "--svg", _folder["math", "pictures"]),
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["math", "pictures"]));

        File.WriteAllText(_folder["log"], "precious\n");
        ToolRun run = Tool.RunShell(
            $"{Tool.Host} {Tool.Assembly} diff {Fixture.Set1("base")} {_folder["math"]} -q --csv /dev/stdout >> {_folder["log"]}");
        Assert.True(run.Exit == 0, run.ToString());
        Assert.StartsWith("precious\n", File.ReadAllText(_folder["log"]), StringComparison.Ordinal);

        Outside.Run("mkfifo", _folder["pipe"]);
        run = Tool.RunShell(
            $"(cat {_folder["pipe"]} > {_folder["got"]} &); {Tool.Host} {Tool.Assembly} diff {Fixture.Set1("base")} {_folder["math"]} "
                + $"-q --csv {_folder["pipe"]}");
        Assert.True(LayerSwap.IO.FileStatus.ReadEntry(_folder["pipe"])!.Kind == LayerSwap.IO.FileKind.Other, run.ToString());

        string name = new string('r', 230) + ".json";
        Tool.Succeed("diff", Fixture.Set1("base"), _folder["math"], "--json", _folder[name]);
        Directory.CreateDirectory(_folder["empty"]);
        Assert.Contains(
            "is a folder",
            Tool.Fail(2, "diff", Fixture.Set1("base"), _folder["math"], "--json", _folder["empty"]),
            StringComparison.Ordinal);
    }

    [NeedsFact]
    public void A_file_in_the_output_path_is_named()
    {
        File.WriteAllText(_folder["file"], "mine");
        string error = Tool.Fail(2, "merge", "--method", "linear", "--model", Fixture.Set1("math"), "-o", _folder["file", "a", "out"]);
        Assert.Contains("on the way to it is a file", error, StringComparison.Ordinal);
    }

    [NeedsFact]
    public void The_current_folder_is_rejected_as_output_and_is_not_part_of_inputs_next_to_it()
    {
        Folders.CopyDemo("math", _folder["math"]);
        Directory.CreateDirectory(_folder["work"]);
        ToolRun run = Tool.Run(["merge", "--method", "linear", "--model", "../math", "-o", ".", "-q"], _folder["work"]);
        Assert.True(run.Exit == 2 && run.Error.Contains("that this command runs in", StringComparison.Ordinal), run.ToString());
        run = Tool.Run(["merge", "--method", "linear", "--model", "../math", "-o", "out", "-q"], _folder["work"]);
        Assert.True(run.Exit == 0, run.ToString());
    }
}
