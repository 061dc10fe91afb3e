using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using LayerSwap.Benchmarks.Floor;

namespace LayerSwap.Benchmarks.Scale;

/// <summary>Measures a row in a process of its own, so that neither what made its input nor another row counts into its peak memory.</summary>
internal static class RowProcess
{
    /// <summary>The internal argument that names the row in the process of its own.</summary>
    public const string Argument = "--row";

    /// <summary>In the first process: starts the other, and reads what it measured.</summary>
    public static async Task<ScaleResult> MeasureAsync(ScaleRow row, string folder)
    {
        string host = Environment.ProcessPath!, program = typeof(RowProcess).Assembly.Location;
        string[] first = Path.GetFileNameWithoutExtension(host) == "dotnet" ? [program] : [];
        using Process process = Process.Start(new ProcessStartInfo(host, [.. first, "scale", Argument, row.Name, "--dir", folder]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? JsonSerializer.Deserialize(output, ScaleJson.Default.ScaleResult)!
            : throw new InvalidOperationException($"The process of row \"{row.Name}\" ended with exit code {process.ExitCode}.");
    }

    /// <summary>In the process of its own: works the row, and prints what it took.</summary>
    public static async Task WorkAsync(ScaleRow row, string folder)
    {
        string input = Path.Combine(folder, row.Input.Name), output = ScaleProgram.OutputIn(folder);
        await (row.Warm?.Invoke(output) ?? Task.CompletedTask);
        long start = Stopwatch.GetTimestamp();
        ScaleWork work = await row.Run(input, output);
        Console.WriteLine(JsonSerializer.Serialize(new ScaleResult { Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds, PeakMemory = PeakMemory.Read(), Work = work }, ScaleJson.Default.ScaleResult));
    }
}

/// <summary>What one process tells the other; written out by the compiler, without reflection.</summary>
[JsonSerializable(typeof(ScaleResult))]
internal sealed partial class ScaleJson : JsonSerializerContext;
