using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSwap.Tests.Faults;

namespace LayerSwap.Tests.Cli;

/// <summary>A JSON plan can be executed elsewhere, whole or in parts. A plan that no longer describes the same merge is rejected.</summary>
public sealed class RunCommandTests : IClassFixture<RunCommandTests.Planned>, IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Planned _planned;

    public RunCommandTests(Planned planned) => _planned = planned;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_plan_records_its_inputs_and_its_command()
    {
        JsonElement json = ToolRun.Parse(_planned.Text), identity = json.GetProperty("identity"), command = json.GetProperty("command");

        Assert.Equal(["tensors", "readBytes", "writeBytes", "peakMemoryBytes", "warnings", "identity", "command"], json.Members());
        Assert.All(
            (string[])[
                "version", "seed", "dtype", "shard size", "vocabulary", "configuration from", "rule 0", "source 0", "source 1",
                "the plan of tensors"],
            name => Assert.NotEmpty(identity.Text(name)!));
        foreach (string model in (string[])["math", "sahili"])
        {
            Assert.Matches(
                "^[0-9]+ bytes, header [0-9a-f]{64}, written [0-9]+.[0-9]{9}, changed [0-9]+.[0-9]{9}$",
                identity.Text($"file {_planned.Folder[model, "model.safetensors"]}")!);
        }

        Assert.Equal(["folder", "arguments"], command.Members());
        Assert.Equal(_planned.Folder.Path, command.Text("folder"));
        Assert.Equal(
            [
                "swap", "--task", "math", "--language", "sahili", "--bottom", "1", "--top", "1", "--shard-size", "300kB", "--threads", "1",
                "-o", "out"],
            command.Items("arguments").Select(a => a.GetString()!));
        Assert.EndsWith("}\n", _planned.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_executed_in_any_folder_on_any_threads_give_the_bytes_of_a_single_run()
    {
        string plan = Plan();
        ToolRun second =
            Tool.Run(["run", Path.GetFileName(plan), "--part", "2/3", "--threads", "3", "--log-level", "information"], _folder.Path);
        Assert.True(second.Exit == 0, second.ToString());
        Assert.Matches("^part 2/3: [0-9]+ tensors, .*: .*/.out.layerswap-parts/part-2-of-3\n$", second.Out);
        Assert.Contains("with 3 thread(s)", second.Error, StringComparison.Ordinal);
        string missing = Tool.Fail(2, "finish", plan);
        Assert.Contains("2 are missing: 1/3 (model-00001-of-", missing, StringComparison.Ordinal);

        ToolRun first = Tool.Run(["run", plan, "--part", "1/3", "--log-level", "information"], "/"),
            third = Tool.Succeed("run", plan, "--part", "3/3", "--quiet");
        Assert.Contains("with 1 thread(s)", first.Error, StringComparison.Ordinal);
        Assert.Equal("", third.Error);
        ToolRun finish = Tool.Succeed("finish", plan, "--threads", "2");

        Assert.Matches("^75 tensors, 1.27 MB in .*: " + _folder["place", "out"] + "\n$", finish.Out);
        Assert.Equal("", finish.Error);
        Folders.RequireSame(_planned.Folder["single", "out"], _folder["place", "out"]);
        Assert.Equal(["out"], Folders.Names(_folder["place"]));
        Tool.Succeed("finish", plan);
        Assert.Equal("part 1/3: nothing to do\n", Tool.Succeed("run", plan, "--part", "1/3").Out);
        Folders.RequireSame(_planned.Folder["single", "out"], _folder["place", "out"]);
    }

    [Fact]
    public void Without_a_part_the_whole_plan_is_executed()
    {
        string plan = Plan();
        Assert.StartsWith("75 tensors, ", Tool.Succeed("run", plan, "-q").Out, StringComparison.Ordinal);
        Folders.RequireSame(_planned.Folder["single", "out"], _folder["place", "out"]);
        Assert.Equal(["out"], Folders.Names(_folder["place"]));
        Assert.Contains("exists and is not empty", Tool.Fail(2, "run", plan), StringComparison.Ordinal);
        Assert.StartsWith("75 tensors, ", Tool.Succeed("run", plan, "--resume", "-q").Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_work_without_a_plan_file()
    {
        string[] swap = [
            "swap", "--task", "math", "--language", "sahili", "--bottom", "1", "--top", "1", "--shard-size", "300kB", "-o",
            _folder["place", "out"]];
        foreach (string[] more in (string[][])[["--part", "1/2"], ["--part", "2/2"], ["--finish"]])
        {
            ToolRun run = Tool.Run([.. swap, .. more], _planned.Folder.Path);
            Assert.True(run.Exit == 0, run.ToString());
        }

        Folders.RequireSame(_planned.Folder["single", "out"], _folder["place", "out"]);
        Assert.Contains(
            "parts are executed first, all of them, and then finished",
            Tool.Fail(
                2, "swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "-o", "out",
                "--part", "1/2", "--finish"),
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_overwritten_output_exists_until_finish_and_finish_can_be_repeated()
    {
        // The option may be given in the plan and on the command line.
        string plan = Plan("--overwrite", "--resume", "-q");
        Folders.CopyDemo("base", _folder["place", "out"]);
        string[] before = Folders.Snapshot(_folder["place", "out"]);
        Tool.Succeed("run", plan, "--part", "1/2", "--resume", "--quiet");
        Tool.Succeed("run", plan, "--part", "2/2", "-q");
        Assert.Equal(before, Folders.Snapshot(_folder["place", "out"]));
        Tool.Succeed("finish", plan);
        Tool.Succeed("finish", plan);
        Folders.RequireSame(_planned.Folder["single", "out"], _folder["place", "out"]);
    }

    [Fact]
    public void The_plan_contains_the_suggested_settings()
    {
        ToolRun planned = Tool.Succeed(
            "plan", "swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili"), "--base", Fixture.Set1("base"),
            "--suggest", "--json", "-o", _folder["place", "out"]);
        Assert.Contains("\nsuggested: ", "\n" + planned.Error, StringComparison.Ordinal);
        string[] arguments = [.. planned.Json.GetProperty("command").Items("arguments").Select(a => a.GetString()!)];
        Assert.DoesNotContain("--suggest", arguments, StringComparer.Ordinal);
        foreach ((string option, string name) in
            ((string, string)[])[
                ("--bottom", "Bottom"),
                ("--top", "Top"),
                ("--transition-bottom", "TransitionBottom"),
                ("--transition-top", "TransitionTop")])
        {
            string number = arguments[Array.IndexOf(arguments, option) + 1];
            Assert.Contains($" {name} = {number},", planned.Json.GetProperty("identity").Text("rule 0")!, StringComparison.Ordinal);
        }

        File.WriteAllText(_folder["plan.json"], planned.Out);
        ToolRun run = Tool.Succeed("run", _folder["plan.json"]);
        Assert.DoesNotContain("suggested", run.Error, StringComparison.Ordinal);
        Tool.Succeed(
            "swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili"), "--base", Fixture.Set1("base"), "--suggest", "-o",
            _folder["single", "out"]);
        Folders.RequireSame(_folder["single", "out"], _folder["place", "out"]);
    }

    [Fact]
    public void Arguments_that_look_like_plan_options_are_kept()
    {
        File.WriteAllText(
            _folder["merge"], $"models:\n  - model: {Fixture.Set1("math")}\n  - model: {Fixture.Set1("sahili")}\nmerge_method: linear\n");
        foreach (string[] plan in
            (string[][])[["plan", "merge", "merge", "plan", "--json"], ["--quiet", "plan", "merge", "--json", "-o=plan", "--", "merge"]])
        {
            ToolRun planned = Tool.Run(plan, _folder.Path);
            Assert.True(planned.Exit == 0, planned.ToString());
            File.WriteAllText(_folder["plan.json"], planned.Out);
            Tool.Succeed("run", _folder["plan.json"], "--part", "1/1", "--threads", "2", "--quiet");
            Tool.Succeed("finish", _folder["plan.json"], "--quiet");
            Assert.Equal(["merge", "plan", "plan.json"], Folders.Names(_folder.Path));
            Directory.Delete(_folder["plan"], recursive: true);
        }
    }

    [Fact]
    public void A_plan_with_changed_inputs_is_rejected_and_the_file_is_named()
    {
        string input = Path.Combine(Folders.CopyDemo("math", _folder["math"]), "model.safetensors");
        ToolRun planned = Tool.Run(
            ["plan", "swap", "--task", "math", "--language", Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "-o", "out", "--json"],
            _folder.Path);
        File.WriteAllText(_folder["plan.json"], planned.Out);
        // Other values under the same header, older than any output.
        byte[] bytes = File.ReadAllBytes(input);
        bytes[^1] ^= 1;
        File.WriteAllBytes(input, bytes);
        File.SetLastWriteTimeUtc(input, DateTime.UtcNow.AddDays(-1));

        foreach (string[] command in (string[][])[["run", _folder["plan.json"], "--part", "1/1"], ["finish", _folder["plan.json"]]])
        {
            string error = Tool.Fail(3, command);
            Assert.Contains($"This is not the merge that was planned: file {input} was ", error, StringComparison.Ordinal);
            Assert.Contains("Remedy: plan again", error, StringComparison.Ordinal);
        }

        File.Delete(input);
        Assert.Contains("math", Tool.Fail(3, "run", _folder["plan.json"]), StringComparison.Ordinal);
        Assert.Equal(["math", "plan.json"], Folders.Names(_folder.Path));
    }

    [Fact]
    public void An_edited_plan_is_rejected_and_the_difference_is_named()
    {
        string plan = Plan();
        JsonNode json = JsonNode.Parse(File.ReadAllText(plan))!;
        json["command"]!["arguments"]!.AsArray().Add("--seed");
        json["command"]!["arguments"]!.AsArray().Add("7");
        File.WriteAllText(plan, json.ToJsonString());
        Assert.Contains("not the merge that was planned: seed was 0 and is 7 now.", Tool.Fail(3, "run", plan), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["place"]));
    }

    [Fact]
    public void Running_a_plan_without_an_output_is_rejected()
    {
        ToolRun planned = Tool.Succeed(
            "plan", "swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "--json");
        File.WriteAllText(_folder["plan.json"], planned.Out);
        foreach (string[] command in (string[][])[["run", _folder["plan.json"], "--part", "1/2"], ["finish", _folder["plan.json"]]])
        {
            Assert.Equal(
                $"layerswap: {_folder["plan.json"]} is a plan without an output folder. Remedy: plan again, with -o OUT.\n",
                Tool.Fail(2, command));
        }
    }

    [Theory]
    [InlineData("Merge of 75 tensors", "is not a plan")]
    [InlineData("""{"command": {"folder": null, "arguments": []}}""", "is not a plan")]
    [InlineData("""{"command": {"folder": "/", "arguments": [null]}}""", "is not a plan")]
    [InlineData("""{"command": {"folder": "/no-such-folder", "arguments": []}}""", "/no-such-folder, which is not there")]
    [InlineData("""{"command": {"folder": "/", "arguments": ["clean", "/tmp"]}}""", "is none of this version")]
    public void Files_that_are_not_plans_are_rejected(string text, string says)
    {
        File.WriteAllText(_folder["plan.json"], text);
        string error = Tool.Fail(2, "run", _folder["plan.json"]);
        Assert.Contains(says, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_without_a_fingerprint_and_a_part_out_of_range_are_rejected()
    {
        string plan = Plan();
        JsonObject json = JsonNode.Parse(File.ReadAllText(plan))!.AsObject();
        json.Remove("identity");
        File.WriteAllText(plan, json.ToJsonString());
        Assert.Contains("is not a plan as JSON", Tool.Fail(2, "run", plan), StringComparison.Ordinal);
        Assert.Contains("--part 4/3: a part such as 3/16", Tool.Fail(2, "run", Plan(), "--part", "4/3"), StringComparison.Ordinal);
    }

    [NeedsTheory]
    [InlineData("pipe", 2)]
    [InlineData("zero", 2)]
    [InlineData("none.json", 3)]
    public void Paths_that_are_not_regular_files_are_rejected_as_plans(string name, int exit)
    {
        Outside.Run("mkfifo", _folder["pipe"]);
        File.CreateSymbolicLink(_folder["zero"], "/dev/zero");
        string error = Tool.Fail(exit, "finish", _folder[name]);
        Assert.Contains(_folder[name], error, StringComparison.Ordinal);
        Assert.Equal(exit == 2, error.Contains("is not a plan: a file of what", StringComparison.Ordinal));
    }

    [LinuxFact]
    public void A_part_stopped_by_a_signal_is_resumed_by_the_same_command()
    {
        using LongWork work = new(16.MB(), 400);
        string root = work["place", ".out.layerswap-parts"], staging = Path.Combine(root, ".part-1-of-1.layerswap-partial");
        string[] arguments = work.Arguments(work["place", "out"], "--part", "1/1");
        ToolRun stopped;
        using (ToolProcess process = Tool.StartForSignals(arguments))
        {
            Assert.True(
                SpinWait.SpinUntil(
                    () => (File.Exists(Path.Combine(staging, "journal")) && File.ReadLines(Path.Combine(staging, "journal")).Count() > 2)
                        || process.HasExited,
                    TimeSpan.FromSeconds(30)),
                "No tensor after 30 seconds.");
            process.Signal("TERM");
            stopped = process.WaitForEnd();
        }

        Assert.True(stopped.Exit == 143, stopped.ToString());
        Assert.Equal(
            $"layerswap: stopped; what is done is kept in {root}. The same command goes on with it; `layerswap clean "
                + $"{work["place", "out"]}` removes it.\n",
            stopped.Error);
        Tool.Succeed(arguments);
        Tool.Succeed(work.Arguments(work["place", "out"], "--finish"));
        Tool.Succeed("verify", work["place", "out"]);
        Assert.Equal(["out"], Folders.Names(work["place"]));
    }

    private string Plan(params string[] more) => _planned.Write(_folder["plan.json"], _folder["place", "out"], more);

    /// <summary>
    /// Copies of two models, a plan with relative paths, and the output of a single run. Shared by all tests of this class.
    /// </summary>
    public sealed class Planned : IDisposable
    {
        public Planned()
        {
            Folders.CopyDemo("math", Folder["math"]);
            Folders.CopyDemo("sahili", Folder["sahili"]);
            string[] swap = [
                "swap", "--task", "math", "--language", "sahili", "--bottom", "1", "--top", "1", "--shard-size", "300kB", "--threads", "1"];
            ToolRun plan = Tool.Run(["plan", .. swap, "-o", "out", "--json", "--dry-run"], Folder.Path),
                single = Tool.Run([.. swap, "-o", "single/out"], Folder.Path);
            Assert.True(plan.Exit == 0 && single.Exit == 0, $"{plan}\n{single}");
            Text = plan.Out;
        }

        internal TempFolder Folder { get; } = new();

        public string Text { get; }

        public void Dispose() => Folder.Dispose();

        /// <summary>Writes the plan with another output.</summary>
        public string Write(string path, string output, params string[] more)
        {
            JsonNode json = JsonNode.Parse(Text)!;
            JsonArray arguments = json["command"]!["arguments"]!.AsArray();
            arguments[^1] = output;
            Array.ForEach(more, m => arguments.Add(m));
            File.WriteAllText(path, json.ToJsonString());
            return path;
        }
    }
}
