using System.Diagnostics;
using System.Globalization;
using LayerSwap.Tests.Cli;
using LayerSwap.Tests.Faults;
using YamlDotNet.RepresentationModel;

namespace LayerSwap.Tests.Samples;

/// <summary>samples/kubernetes without a cluster: the jobs' shape, and their containers' commands as pods would run them.</summary>
public sealed class KubernetesSampleTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [NeedsFact]
    public void The_pods_commands_execute_and_assemble_all_parts()
    {
        string[] swap = ["swap", "--task", Fixture.Set1("math"), "--language",
            Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "--shard-size", "200kB"];
        ToolRun planned = Tool.Run(["plan", .. swap, "-o", "out", "--json"], _folder.Path);
        File.WriteAllText(_folder["plan.json"], planned.Out);
        Tool.Succeed([.. swap, "-o", _folder["single", "out"]]);
        YamlMappingNode parts = Job("parts.yml"), finish = Job("finish.yml");
        int count = int.Parse(Text(parts, "spec", "completions"), CultureInfo.InvariantCulture);
        Assert.Equal("Indexed", Text(parts, "spec", "completionMode"));

        foreach (int index in Enumerable.Range(0, count).Reverse())
        {
            Pod(parts, index);
        }

        Assert.Equal(Enumerable.Range(1, count).Select(n => $"part-{n}-of-{count}"), Folders.Names(_folder[".out.layerswap-parts"]));
        Pod(finish, null);
        Folders.RequireSame(_folder["single", "out"], _folder["out"]);
        Assert.Equal(["out", "plan.json", "single"], Folders.Names(_folder.Path));
    }

    [Theory]
    [InlineData("parts.yml")]
    [InlineData("finish.yml")]
    public void Mounted_paths_and_the_tool_exist(string file)
    {
        YamlMappingNode job = Job(file), container = Container(job);
        Assert.Equal(("batch/v1", "Job", "Never"),
            (Text(job, "apiVersion"), Text(job, "kind"), Text(job, "spec", "template", "spec", "restartPolicy")));
        string[] volumes = [.. ((YamlSequenceNode)Node(job, "spec", "template", "spec", "volumes"))
            .Select(v => Text((YamlMappingNode)v, "name"))];
        YamlMappingNode[] mounts = [.. ((YamlSequenceNode)Node(container, "volumeMounts")).Cast<YamlMappingNode>()];
        Assert.Equal(volumes, mounts.Select(m => Text(m, "name")));
        Assert.Contains(Text(mounts[0], "mountPath") + "/plan.json", Command(container)[^1], StringComparison.Ordinal);
        string image = File.ReadAllText(Path.Combine(Fixture.Root, "samples", "kubernetes", "Dockerfile"));
        Assert.Contains("ENTRYPOINT [\"dotnet\", \"/app/layerswap.dll\"]", image, StringComparison.Ordinal);
        Assert.Contains("dotnet /app/layerswap.dll ", Command(container)[^1], StringComparison.Ordinal);
        Assert.True(File.Exists(Tool.Assembly) && Path.GetFileName(Tool.Assembly) == "layerswap.dll");
    }

    /// <summary>Runs a pod's command with the volume and the image's files where they are here.</summary>
    private void Pod(YamlMappingNode job, int? index)
    {
        string[] command = [.. Command(Container(job))
            .Select(c => c.Replace("/models/", _folder.Path + "/", StringComparison.Ordinal)
                .Replace("dotnet /app/layerswap.dll", $"'{Tool.Host}' '{Tool.Assembly}'", StringComparison.Ordinal))];
        ProcessStartInfo start = new(command[0], command[1..])
        { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        if (index is { } at)
        {
            start.Environment["JOB_COMPLETION_INDEX"] = at.ToString(CultureInfo.InvariantCulture);
        }

        using Process pod = Process.Start(start)!;
        Task<string> error = pod.StandardError.ReadToEndAsync();
        string output = pod.StandardOutput.ReadToEnd() + error.GetAwaiter().GetResult();
        pod.WaitForExit();
        Assert.True(pod.ExitCode == 0, $"{string.Join(' ', command)}: {pod.ExitCode}\n{output}");
    }

    private static YamlMappingNode Job(string file)
    {
        YamlStream stream = [];
        using StreamReader reader = new(Path.Combine(Fixture.Root, "samples", "kubernetes", file));
        stream.Load(reader);
        return (YamlMappingNode)Assert.Single(stream.Documents).RootNode;
    }

    private static YamlMappingNode Container(YamlMappingNode job) =>
        (YamlMappingNode)Assert.Single((YamlSequenceNode)Node(job, "spec", "template", "spec", "containers"));

    private static string[] Command(YamlMappingNode container) =>
        [.. ((YamlSequenceNode)Node(container, "command")).Select(c => ((YamlScalarNode)c).Value!)];

    private static string Text(YamlMappingNode node, params string[] path) => ((YamlScalarNode)Node(node, path)).Value!;

    private static YamlNode Node(YamlNode node, params string[] path) => path.Aggregate(node, (n, name) => n[name]);
}
