using System.Text.Json;

namespace LayerSwap.Tests.Cli;

public sealed class PlanCommandTests
{
    private static readonly string[] PlannedMembers =
        ["name", "dtype", "shape", "operation", "strategy", "rule", "sources", "detail", "file", "offset", "bytes"];

    [Fact]
    public void The_written_tensors_match_the_plan()
    {
        using TempFolder folder = new();
        string[] swap = [
            "swap", "--task", Fixture.Set1("math"), "--language", Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "--shard-size",
            "500kB", "-o", folder["out"]];

        JsonElement plan = Tool.Succeed(["plan", .. swap, "--json"]).Json;
        Assert.Empty(Folders.Names(folder.Path));
        Tool.Succeed(swap);

        Assert.Equal(["tensors", "readBytes", "writeBytes", "peakMemoryBytes", "warnings", "identity", "command"], plan.Members());
        JsonElement[] tensors = plan.Items("tensors");
        using ICheckpoint merged = Checkpoint.Open(folder["out"]);
        Assert.Equal(
            merged.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal),
            tensors.Select(t => t.Text("name")!).Order(StringComparer.Ordinal));
        foreach (JsonElement tensor in tensors)
        {
            Assert.Equal(PlannedMembers, tensor.Members());
            TensorInfo written = merged.Find(tensor.Text("name")!)!;
            Assert.Equal((written.DType.Code(), written.ByteLength), (tensor.Text("dtype"), tensor.Whole("bytes")));
            Assert.Equal(written.Shape.Extents.ToArray(), tensor.Items("shape").Select(e => e.GetInt64()));
            byte[] file = File.ReadAllBytes(folder["out", tensor.Text("file")!]);
            Assert.Equal(
                SmallModels.Bytes(merged, written.Name), file.AsSpan((int)tensor.Whole("offset"), (int)tensor.Whole("bytes")).ToArray());
            Assert.Equal(
                (tensor.Text("operation") == "take" ? 1 : 2, "layer_swap", "everywhere"),
                (tensor.Items("sources").Length, tensor.Text("strategy"), tensor.Text("rule")));
        }

        Assert.Equal(1 + 1 + 1 + (2 * 9), tensors.Count(t => t.Text("operation") == "merge"));
        Assert.Equal(
            [Fixture.Set1("sahili")],
            tensors.Single(t => t.Text("name") == "model.layers.7.self_attn.q_proj.weight").Items("sources").Select(s => s.GetString()),
            StringComparer.Ordinal);
        Assert.Equal(tensors.Sum(t => t.Whole("bytes") * t.Items("sources").Length), plan.Whole("readBytes"));
        Assert.Equal(Directory.EnumerateFiles(folder["out"], "*.safetensors").Sum(f => new FileInfo(f).Length), plan.Whole("writeBytes"));
        Assert.True(plan.Whole("peakMemoryBytes") > 0);
        Assert.Empty(plan.Items("warnings"));
    }

    [Fact]
    public void A_plan_of_a_merge_needs_no_output_and_writes_nothing()
    {
        using TempFolder folder = new();
        ToolRun run = Tool.Run(
            [
                "plan", "merge", "--method", "task_arithmetic", "--base", Fixture.Set1("base"), "--model", Fixture.Set1("math") + "=0.6",
                "--model", Fixture.Set1("sahili") + "=0.4", "-p", "lambda=0.8", "--json"],
            folder.Path);

        Assert.True(run.Exit == 0, run.ToString());
        Assert.Equal("", run.Error);
        Assert.Equal(75, run.Json.Items("tensors").Length);
        Assert.All(
            run.Json.Items("tensors"),
            t => Assert.Equal(("merge", "task_arithmetic", 3), (t.Text("operation"), t.Text("strategy"), t.Items("sources").Length)));
        Assert.Empty(Folders.Names(folder.Path));
    }

    [Fact]
    public void Plan_accepts_every_option_of_the_planned_command()
    {
        ToolRun run = Tool.Succeed(
            "plan", "merge", "--method", "linear", "--model", Fixture.Set1("math"), "--dry-run", "--overwrite", "--threads", "1", "--dtype",
            "f16", "-o", Fixture.Set1("math"));

        Assert.Contains("with 1 thread\n", run.Out, StringComparison.Ordinal);
    }
}
