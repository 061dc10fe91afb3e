using System.Text.Json;

namespace LayerSwap.Tests.Cli;

public sealed class InspectCommandTests
{
    [Fact]
    public void The_text_names_sizes_layers_and_kinds()
    {
        ToolRun run = Tool.Succeed("inspect", Fixture.Set1("base"));

        Assert.Equal("", run.Error);
        Assert.Contains("safetensors, 1 file(s), 75 tensors, 630,160 parameters, 1.26 MB", run.Out, StringComparison.Ordinal);
        Assert.Contains("model.layers: 8 layers", run.Out, StringComparison.Ordinal);
        Assert.Contains("model.layers.*.mlp.up_proj ", run.Out, StringComparison.Ordinal);
        Assert.Contains("[208, 80]", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void The_json_has_exactly_the_specified_members_and_agrees_with_the_library()
    {
        string path = Fixture.Set1("math");
        JsonElement json = Tool.Succeed("inspect", path, "--json").Json;
        using ICheckpoint model = Checkpoint.Open(path);
        LayerMap map = LayerMap.Of(model.Tensors);

        Assert.Equal(["path", "format", "tensors", "layers", "parameters", "bytes", "metadata"], json.Members());
        Assert.Equal(path, json.Text("path"));
        Assert.Equal("safetensors", json.Text("format"));
        Assert.Equal(8, json.Whole("layers"));
        Assert.Equal(model.Tensors.Sum(t => t.ElementCount), json.Whole("parameters"));
        Assert.Equal(model.Tensors.Sum(t => t.ByteLength), json.Whole("bytes"));
        Assert.Equal(
            model.Metadata.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => (m.Key, m.Value)),
            json.GetProperty("metadata").EnumerateObject().Select(p => (p.Name, p.Value.GetString()!)));
        JsonElement[] tensors = json.Items("tensors");
        Assert.Equal(model.Tensors.Select(t => t.Name), tensors.Select(t => t.Text("name")!), StringComparer.Ordinal);
        foreach (JsonElement tensor in tensors)
        {
            TensorInfo expected = model.Find(tensor.Text("name")!)!;
            Assert.Equal(["name", "dtype", "shape", "bytes", "file", "stack", "layer", "component", "kind"], tensor.Members());
            Assert.Equal("BF16", tensor.Text("dtype"));
            Assert.Equal(expected.Shape.Extents.ToArray(), tensor.Items("shape").Select(e => e.GetInt64()));
            Assert.Equal(expected.ByteLength, tensor.Whole("bytes"));
            Assert.Equal("model.safetensors", tensor.Text("file"));
            Assert.Equal(map[expected.Name].Layer, tensor.Layer());
            Assert.Equal(map[expected.Name].Layer is null ? null : "model.layers", tensor.Text("stack"));
        }

        JsonElement query = tensors.Single(t => t.Text("name") == "model.layers.3.self_attn.q_proj.weight");
        Assert.Equal((3, "self_attn.q_proj", "attention"), (query.Layer(), query.Text("component"), query.Text("kind")));
        JsonElement head = tensors.Single(t => t.Text("name") == "lm_head.weight");
        Assert.Equal((null, "lm_head", "head"), (head.Layer(), head.Text("component"), head.Text("kind")));
    }

    [Fact]
    public void Every_tensor_of_a_sharded_model_names_its_file()
    {
        using TempFolder folder = new();
        Tool.Succeed("merge", "--method", "passthrough", "--model", Fixture.Set1("math"), "--shard-size", "400kB", "-o", folder["out"]);

        JsonElement json = Tool.Succeed("inspect", folder["out"], "--json").Json;

        Assert.Equal("sharded safetensors", json.Text("format"));
        string[] files = [.. json.Items("tensors").Select(t => t.Text("file")!).Distinct(StringComparer.Ordinal)];
        Assert.Equal(
            Folders.Names(folder["out"]).Where(n => n.EndsWith(".safetensors", StringComparison.Ordinal)),
            files.Order(StringComparer.Ordinal),
            StringComparer.Ordinal);
        Assert.True(files.Length > 2);
    }
}
