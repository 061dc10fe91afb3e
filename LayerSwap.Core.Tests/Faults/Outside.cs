using System.Diagnostics;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>Requirements of a test in addition to Linux.</summary>
[Flags]
public enum Needs
{
    Linux = 0,

    /// <summary>Root, with the right to mount.</summary>
    Mount = 1,

    /// <summary>strace, with the right to trace.</summary>
    Strace = 2,

    /// <summary>Root, setpriv, and a tool folder that is readable by all users.</summary>
    Nobody = 4,

    /// <summary>Root, with the right to create namespaces, and Slurm with munge.</summary>
    Slurm = 8,
}

/// <summary>Programs of the system and their availability.</summary>
internal static class Outside
{
    public static readonly string[] AsNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

    private static readonly Lazy<string?> Mount = new(() =>
    {
        using TempFolder folder = new();
        if (!Succeeds("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.Path))
        {
            return "Needs root, with the right to mount a tmpfs.";
        }

        Run("umount", folder.Path);
        return null;
    });

    private static readonly Lazy<string?> Strace = new(() =>
        Succeeds("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "true")
            ? null
            : "Needs strace, with the right to use it.");

    private static readonly Lazy<string?> Nobody = new(() =>
        Succeeds(AsNobody[0], [.. AsNobody[1..], "dotnet", Tool.Assembly, "inspect", Fixture.Set1("base")])
            ? null
            : "Needs root, setpriv, and a place of the tests that anybody may read.");

    private static readonly Lazy<string?> Slurm = new(() =>
        Succeeds(
            "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
            "munged -V && slurmctld -V && slurmd -V && command -v sbatch")
            ? null : "Needs root, with the right to make namespaces, and Slurm: apt-get install slurm-wlm munge.");

    /// <returns>Why a test is skipped, or null.</returns>
    public static string? Missing(Needs needs) => !OperatingSystem.IsLinux() ? "Needs Linux: signals, links, /proc."
        : (needs.HasFlag(Needs.Mount) ? Mount.Value : null)
            ?? (needs.HasFlag(Needs.Strace) ? Strace.Value : null)
            ?? (needs.HasFlag(Needs.Nobody) ? Nobody.Value : null)
            ?? (needs.HasFlag(Needs.Slurm) ? Slurm.Value : null);

    public static void Run(string program, params string[] arguments) =>
        Assert.True(Succeeds(program, arguments), $"{program} {string.Join(' ', arguments)} failed.");

    private static bool Succeeds(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(
                program, arguments)
            { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}

/// <summary>A fact that is skipped with a reason if a requirement is missing.</summary>
internal sealed class NeedsFactAttribute : FactAttribute
{
    public NeedsFactAttribute(Needs needs = Needs.Linux) => Skip = Outside.Missing(needs);
}

/// <inheritdoc cref="NeedsFactAttribute"/>
internal sealed class NeedsTheoryAttribute : TheoryAttribute
{
    public NeedsTheoryAttribute(Needs needs = Needs.Linux) => Skip = Outside.Missing(needs);
}
