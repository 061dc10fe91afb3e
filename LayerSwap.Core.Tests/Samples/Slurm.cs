using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace LayerSwap.Tests.Samples;

/// <summary>
/// A real Slurm of one node on this machine, for as long as a test needs it. Its daemons and jobs are in a process namespace of their own,
/// which ends when its standard input does:
/// whatever becomes of the tests, no daemon and no job outlives them.
/// </summary>
internal sealed class Slurm : IDisposable
{
    private const string StartMunge = """munged --force --socket="$PWD/munge.socket" --key-file="$PWD/munge.key" """
        + "--pid-file=\"$PWD/munged.pid\" --seed-file=\"$PWD/munged.seed\" --log-file=\"$PWD/munged.log\"";

    private const string Start = $$"""
        mkdir state spool
        # Without systemd, Slurm has no control groups of its own; before 24.05 it gets by without being told.
        slurmd -V | grep -q ' 2[0-3]\.' || echo CgroupPlugin=disabled > cgroup.conf
        mungekey --create --keyfile="$PWD/munge.key"
        {{StartMunge}}
        slurmctld
        slurmd
        echo ready
        # What follows cat keeps this shell from becoming it: the first process of a namespace has orphans to bury.
        cat
        exit
        """;

    /// <summary>Ends a command after a timeout, with exit code 124.</summary>
    private static readonly string[] Patience = ["timeout", "--kill-after=10s", "2m"];

    private readonly TempFolder _folder = new();
    private readonly Process _daemons;

    public Slurm()
    {
        File.WriteAllText(_folder["slurm.conf"], Configuration(_folder.Path));
        _daemons =
            Process.Start(Command("unshare", ["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec", Start], _folder.Path))!;
        if (_daemons.StandardOutput.ReadLine() is not "ready")
        {
            string error = _daemons.StandardError.ReadToEnd() + Logs;
            Dispose();
            Assert.Fail($"Slurm does not start: {error}");
        }
    }

    /// <summary>The logs of the daemons, for messages of failing tests.</summary>
    public string Logs =>
        string.Concat(Directory.EnumerateFiles(_folder.Path, "*.log").Order(StringComparer.Ordinal)
            .Select(f => $"\n{Path.GetFileName(f)}:\n{File.ReadAllText(f)}"));

    /// <summary>Submits a job.</summary>
    /// <returns>Its id.</returns>
    public async Task<string> SbatchAsync(params string[] arguments) => (await RunAsync("sbatch", ["--parsable", .. arguments])).TrimEnd();

    /// <summary>Waits until jobs are over, well or not: Slurm itself is asked for a job that comes after them.</summary>
    /// <returns>How they ended, a line for each job or task of an array, such as <c>1_0 COMPLETED</c>.</returns>
    public async Task<string[]> FinishAsync(params string[] jobs)
    {
        await RunAsync("srun", ["--quiet", "--input=none", $"--dependency=afterany:{string.Join(':', jobs)}", "true"]);
        string states = await RunAsync("squeue",
            ["--states=all", "--array", "--noheader", "--format=%i %T", $"--jobs={string.Join(',', jobs)}"]);
        return [.. states.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];
    }

    /// <summary>Runs a program whose Slurm is this one: a command of Slurm's, or a script that calls them. Jobs that it submits get its
    /// environment.</summary>
    /// <returns>What it printed.</returns>
    public async Task<string> RunAsync(string program, string[] arguments,
        string? folder = null, params (string Name, string Value)[] environment)
    {
        ProcessStartInfo start = Command(Patience[0], [.. Patience[1..], program, .. arguments], folder ?? _folder.Path);
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            Assert.Fail($"{program} {string.Join(' ', arguments)}: exit {process.ExitCode}\n{await output}{await error}{Logs}");
        }

        return await output;
    }

    public void Dispose()
    {
        _daemons.StandardInput.Close();
        _daemons.WaitForExit();
        _daemons.Dispose();
        _folder.Dispose();
    }

    private ProcessStartInfo Command(string program, string[] arguments, string folder)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder
        };
        start.Environment["SLURM_CONF"] = _folder["slurm.conf"];
        return start;
    }

    /// <summary>The node claims more than any machine has, so that what a script asks for is there and tasks run side by side anywhere; a
    /// job whose dependency has failed does not wait for ever.</summary>
    private static string Configuration(string folder)
    {
        int[] ports = FreePorts(2);
        return $"""
            ClusterName=test
            SlurmctldHost=localhost
            SlurmctldPort={ports[0]}
            SlurmdPort={ports[1]}
            CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
            SlurmUser={Environment.UserName}
            AuthInfo=socket={folder}/munge.socket
            ProctrackType=proctrack/linuxproc
            SelectType=select/cons_tres
            SelectTypeParameters=CR_CPU
            SlurmdParameters=config_overrides
            SchedulerParameters=batch_sched_delay=0,sched_interval=1
            DependencyParameters=kill_invalid_depend
            StateSaveLocation={folder}/state
            SlurmdSpoolDir={folder}/spool
            SlurmctldPidFile={folder}/slurmctld.pid
            SlurmdPidFile={folder}/slurmd.pid
            SlurmctldLogFile={folder}/slurmctld.log
            SlurmdLogFile={folder}/slurmd.log
            NodeName=localhost CPUs=64 RealMemory=1000000
            PartitionName=test Nodes=ALL Default=YES

            """;
    }

    private static int[] FreePorts(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        Array.ForEach(listeners, l => l.Start());
        int[] ports = [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        Array.ForEach(listeners, l => l.Dispose());
        return ports;
    }
}
