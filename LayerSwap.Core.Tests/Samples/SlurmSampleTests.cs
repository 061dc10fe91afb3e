using System.Runtime.Versioning;
using LayerSwap.Tests.Cli;
using LayerSwap.Tests.Faults;

namespace LayerSwap.Tests.Samples;

/// <summary>samples/slurm on a Slurm of its own: a job array of parts, and the job that finishes when all are done.</summary>
[SupportedOSPlatform("linux")]
public sealed class SlurmSampleTests : IDisposable
{
    private static readonly string Scripts = Path.Combine(Fixture.Root, "samples", "slurm");

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [NeedsFact(Needs.Slurm)]
    public async Task An_array_executes_parts_and_a_failed_part_is_retried()
    {
        // A space and a comma, which break careless scripts.
        string place = _folder["a place, shared"], other = _folder["other"], shim = _folder["bin", "layerswap"];
        Directory.CreateDirectory(place);
        Directory.CreateDirectory(other);
        Directory.CreateDirectory(_folder["bin"]);
        File.WriteAllText(shim, $"""
            #!/bin/bash
            echo "$*" >> '{_folder["calls"]}'
            [[ "$*" != *"shared/plan.json --part 2/3 "* || ! -e '{_folder["broken"]}' ]] || exit 3
            exec '{Tool.Host}' '{Tool.Assembly}' "$@"
            """);
        File.SetUnixFileMode(shim, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string[] swap = ["swap", "--task", Fixture.Set1("math"), "--language",
            Fixture.Set1("sahili"), "--bottom", "1", "--top", "1", "--shard-size", "200kB"];
        foreach (string folder in (string[])[place, other])
        {
            ToolRun planned = Tool.Run(["plan", .. swap, "-o", "out", "--json"], folder);
            Assert.True(planned.Exit == 0, planned.ToString());
            File.WriteAllText(Path.Combine(folder, "plan.json"), planned.Out);
        }

        Tool.Succeed([.. swap, "-o", _folder["single", "out"]]);
        (string, string) path = ("PATH", $"{_folder["bin"]}:{Environment.GetEnvironmentVariable("PATH")}");
        using Slurm slurm = new();

        // Two at once, one of them with a part that fails.
        File.WriteAllText(_folder["broken"], "");
        string[] jobs = [.. await SubmitAsync(other), .. await SubmitAsync(place)];
        RequireStates(
            [$"{jobs[0]}_1 COMPLETED", $"{jobs[0]}_2 COMPLETED", $"{jobs[0]}_3 COMPLETED", $"{jobs[1]} COMPLETED",
                $"{jobs[2]}_1 COMPLETED", $"{jobs[2]}_2 FAILED", $"{jobs[2]}_3 COMPLETED", $"{jobs[3]} CANCELLED"],
            await slurm.FinishAsync(jobs));
        Folders.RequireSame(_folder["single", "out"], Path.Combine(other, "out"));
        Assert.Equal(["out", "plan.json"], Folders.Names(other));
        Assert.Equal([".out.layerswap-parts", "plan.json"], Folders.Names(place));
        Assert.Equal(["part-1-of-3", "part-3-of-3"], Folders.Names(Path.Combine(place, ".out.layerswap-parts")));
        Assert.Equal(6, File.ReadLines(_folder["calls"]).Count(c => c.EndsWith("--threads 4", StringComparison.Ordinal)));
        Assert.Single(File.ReadLines(_folder["calls"]), c => c.StartsWith("finish", StringComparison.Ordinal));

        File.Delete(_folder["broken"]);
        string again = await SbatchAsync("--array=2", Path.Combine(Scripts, "part.sh")),
            end = await SbatchAsync($"--dependency=afterok:{again}", Path.Combine(Scripts, "finish.sh"));
        RequireStates([$"{again}_2 COMPLETED", $"{end} COMPLETED"], await slurm.FinishAsync(again, end));
        Folders.RequireSame(_folder["single", "out"], Path.Combine(place, "out"));
        Assert.Equal(["out", "plan.json"], Folders.Names(place));

        void RequireStates(string[] expected, string[] found) =>
            Assert.True(expected.Order(StringComparer.Ordinal).SequenceEqual(found), string.Join('\n', found) + slurm.Logs);

        async Task<string[]> SubmitAsync(string folder)
        {
            string[] words =
                (await slurm.RunAsync("bash", [Path.Combine(Scripts, "submit.sh"), Path.Combine(folder, "plan.json"), "3"],
                    _folder["bin"], path)).TrimEnd().Split(' ');
            Assert.True(words is ["parts", _, "finish", _], string.Join(' ', words));
            return [words[1].TrimEnd(','), words[3]];
        }

        async Task<string> SbatchAsync(params string[] arguments) =>
            (await slurm.RunAsync("sbatch", ["--parsable", "--export=ALL", .. arguments], _folder["bin"],
                path, ("PLAN", Path.Combine(place, "plan.json")), ("PARTS", "3"))).TrimEnd();
    }
}
