using System.Text.Json;

namespace LayerSwap.Tests.Cli;

public sealed class VerifyCommandTests
{
    [Fact]
    public void A_changed_byte_is_reported_with_its_file_and_tensor()
    {
        using TempFolder folder = new();
        string[] merge =
            ["merge", "--method", "passthrough", "--model", Fixture.Set1("math"), "--shard-size", "700kB", "-o", folder["out"]];
        JsonElement victim = Tool.Succeed(["plan", .. merge, "--json"]).Json.Items("tensors")
            .Single(t => t.Text("name") == "model.layers.5.mlp.up_proj.weight");
        Tool.Succeed(merge);
        string file = folder["out", victim.Text("file")!];
        using (FileStream stream = new(file, FileMode.Open, FileAccess.ReadWrite))
        {
            stream.Position = victim.Whole("offset") + 100;
            int old = stream.ReadByte();
            stream.Position--;
            stream.WriteByte((byte)(old ^ 1));
        }

        ToolRun text = Tool.Run("verify", folder["out"]), json = Tool.Run("verify", folder["out"], "--json");

        Assert.Equal((3, 3), (text.Exit, json.Exit));
        Assert.Contains("1 problem(s)", text.Out, StringComparison.Ordinal);
        Assert.Contains("Tensor model.layers.5.mlp.up_proj.weight in " + file, text.Out, StringComparison.Ordinal);
        Assert.False(json.Json.GetProperty("ok").GetBoolean());
        JsonElement problem = Assert.Single(json.Json.Items("problems"));
        Assert.Equal(["file", "tensor", "message"], problem.Members());
        Assert.Equal((file, "model.layers.5.mlp.up_proj.weight"), (problem.Text("file"), problem.Text("tensor")));
    }

    [Fact]
    public void A_model_without_a_manifest_is_checked_against_the_format_only()
    {
        JsonElement json = Tool.Succeed("verify", Fixture.Set1("base"), "--json").Json;

        Assert.True(json.GetProperty("ok").GetBoolean());
        Assert.False(json.GetProperty("hasRecord").GetBoolean());
    }

    [Fact]
    public void A_file_that_cannot_be_opened_is_reported_as_a_problem()
    {
        using TempFolder folder = new();
        File.WriteAllBytes(
            folder["cut.safetensors"], File.ReadAllBytes(Path.Combine(Fixture.Set1("base"), "model.safetensors"))[..100_000]);

        foreach (string path in (string[])[folder["cut.safetensors"], folder["nothing"]])
        {
            ToolRun run = Tool.Run("verify", path, "--json");
            Assert.Equal(3, run.Exit);
            Assert.False(run.Json.GetProperty("ok").GetBoolean());
            Assert.Equal(path, Assert.Single(run.Json.Items("problems")).Text("file"));
        }
    }
}
