using System.Diagnostics;
using System.Text.Json;

namespace LayerSwap.Tests.Cli;

/// <summary>Runs the built tool as a separate process.</summary>
internal static class Tool
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    public static readonly string Host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
    public static readonly string Assembly = Path.Combine(AppContext.BaseDirectory, "layerswap.dll");

    public static ToolRun Run(params string[] arguments) => Run(arguments, folder: null, environment: []);

    public static ToolRun Run(string[] arguments, string? folder, params (string Name, string Value)[] environment)
    {
        using ToolProcess process = Start(Host, [Assembly, .. arguments], arguments, folder, environment);
        return process.WaitForEnd();
    }

    /// <summary>
    /// Starts the tool with default signal handlers. A test run in the background or under nohup may ignore signals, and child processes
    /// inherit this.
    /// </summary>
    public static ToolProcess StartForSignals(params string[] arguments) =>
        Start("env", ["--default-signal=INT,HUP,TERM", Host, .. arguments.Prepend(Assembly)], arguments, folder: null, []);

    /// <summary>Runs the tool under another program, such as strace or setpriv.</summary>
    public static ToolRun RunUnder(string[] wrapper, params string[] arguments)
    {
        using ToolProcess process = StartUnder(wrapper, arguments);
        return process.WaitForEnd();
    }

    /// <inheritdoc cref="RunUnder"/>
    public static ToolProcess StartUnder(string[] wrapper, params string[] arguments)
    {
        string[] all = [.. wrapper, Host, Assembly, .. arguments];
        return Start(all[0], all[1..], arguments, folder: null, []);
    }

    /// <summary>Runs a shell command line. The exit code is that of its first command.</summary>
    public static ToolRun RunShell(string line)
    {
        using ToolProcess process = Start("bash", ["-c", line + "; exit ${PIPESTATUS[0]}"], [line], folder: null, []);
        return process.WaitForEnd();
    }

    private static ToolProcess Start(
        string program, string[] all, string[] arguments, string? folder, (string Name, string Value)[] environment)
    {
        ProcessStartInfo start = new(program, all)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return new ToolProcess(Process.Start(start)!, string.Join(' ', arguments), Patience);
    }

    /// <summary>Requires exit code 0 and only the result on stdout.</summary>
    public static ToolRun Succeed(params string[] arguments)
    {
        ToolRun run = Run(arguments);
        Assert.True(run.Exit == 0, run.ToString());
        return run;
    }

    /// <summary>
    /// Requires the exit code, an empty stdout, and one short paragraph on stderr without a stack trace or a name of a .NET type or
    /// parameter.
    /// </summary>
    /// <returns>The paragraph.</returns>
    public static string Fail(int code, params string[] arguments)
    {
        ToolRun run = Run(["--quiet", .. arguments], folder: null);
        Assert.True(run.Exit == code, $"{code} expected: {run}");
        Assert.Equal("", run.Out);
        Assert.StartsWith("layerswap: ", run.Error, StringComparison.Ordinal);
        Assert.EndsWith("\n", run.Error, StringComparison.Ordinal);
        foreach (string noise in (string[])["   at ", "\n\n", "Exception", "(Parameter", "Actual value", "System.", "LayerSwap.", "`1"])
        {
            Assert.DoesNotContain(noise, run.Error, StringComparison.Ordinal);
        }

        return run.Error;
    }
}

internal sealed class ToolProcess(Process process, string command, TimeSpan patience) : IDisposable
{
    private readonly Task<string> _out = process.StandardOutput.ReadToEndAsync();
    private readonly Task<string> _error = process.StandardError.ReadToEndAsync();

    public bool HasExited => process.HasExited;

    public int Id => process.Id;

    /// <summary>Waits for the process. True if it exited in time.</summary>
    public bool EndsWithin(TimeSpan time) => process.WaitForExit(time);

    /// <summary>Kills the process immediately.</summary>
    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>Sends a signal, such as INT or TERM.</summary>
    public void Signal(string name)
    {
        using Process kill = Process.Start("kill", ["-" + name, process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public ToolRun WaitForEnd()
    {
        process.StandardInput.Close();
        Assert.True(process.WaitForExit(patience), $"layerswap {command}: still running after {patience}.");
        process.WaitForExit();
        return new ToolRun(command, process.ExitCode, _out.GetAwaiter().GetResult(), _error.GetAwaiter().GetResult());
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }
}

internal sealed record ToolRun(string Command, int Exit, string Out, string Error)
{
    public JsonElement Json => Parse(Out);

    public static JsonElement Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    public override string ToString() => $"layerswap {Command}\nexit {Exit}\nstdout:\n{Out}\nstderr:\n{Error}";
}

internal static class JsonElementExtensions
{
    /// <summary>The names of an object's members, in order.</summary>
    public static string[] Members(this JsonElement json) => [.. json.EnumerateObject().Select(p => p.Name)];

    public static JsonElement[] Items(this JsonElement json, string name) => [.. json.GetProperty(name).EnumerateArray()];

    public static string? Text(this JsonElement json, string name) => json.GetProperty(name).GetString();

    public static long Whole(this JsonElement json, string name) => json.GetProperty(name).GetInt64();

    /// <summary>A number, or NaN or an infinity written as a string.</summary>
    public static double Number(this JsonElement json, string name) => json.GetProperty(name) is { ValueKind: JsonValueKind.String } text
        ? double.Parse(text.GetString()!, System.Globalization.CultureInfo.InvariantCulture)
        : json.GetProperty(name).GetDouble();

    public static int? Layer(this JsonElement json) =>
        json.GetProperty("layer") is { ValueKind: JsonValueKind.Number } layer ? layer.GetInt32() : null;
}

/// <summary>A fact that needs signals and /proc. It is reported as skipped on other systems.</summary>
internal sealed class LinuxFactAttribute : FactAttribute
{
    public LinuxFactAttribute() => Skip = OperatingSystem.IsLinux() ? null : "Needs Linux: signals, /proc and /dev/fd.";
}

/// <inheritdoc cref="LinuxFactAttribute"/>
internal sealed class LinuxTheoryAttribute : TheoryAttribute
{
    public LinuxTheoryAttribute() => Skip = OperatingSystem.IsLinux() ? null : "Needs Linux: signals, /proc and /dev/fd.";
}
