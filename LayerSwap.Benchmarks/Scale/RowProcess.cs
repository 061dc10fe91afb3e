using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using LayerSwap.Benchmarks.Floor;

namespace LayerSwap.Benchmarks.Scale;

/// <summary>Measures a row in a child process, so that its peak memory excludes other rows and the creation of inputs.</summary>
internal static class RowProcess
{
    /// <summary>The internal option that names the row in the child process.</summary>
    public const string Argument = "--row";

    /// <summary>Starts the child process, and reads its result.</summary>
    public static async Task<ScaleResult> MeasureAsync(ScaleRow row, string folder)
    {
        string host = Environment.ProcessPath!, program = typeof(RowProcess).Assembly.Location;
        string[] assembly = Path.GetFileNameWithoutExtension(host) == "dotnet" ? [program] : [];
        ProcessStartInfo start = new(host, [.. assembly, "scale", Argument, row.Name, "--dir", folder])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? JsonSerializer.Deserialize(output, ScaleJson.Default.ScaleResult)!
            : throw new InvalidOperationException($"The process of row \"{row.Name}\" ended with exit code {process.ExitCode}.");
    }

    /// <summary>Runs the row in the child process, and prints the result.</summary>
    public static async Task RunChildAsync(ScaleRow row, string folder)
    {
        string input = Path.Combine(folder, row.Input.Name), output = ScaleProgram.OutputIn(folder);
        await (row.Warm?.Invoke(output) ?? Task.CompletedTask);
        long start = Stopwatch.GetTimestamp();
        ScaleWork work = await row.Run(input, output);
        ScaleResult result = new()
        {
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
            PeakMemory = PeakMemory.Read(),
            Work = work,
        };
        Console.WriteLine(JsonSerializer.Serialize(result, ScaleJson.Default.ScaleResult));
    }
}

/// <summary>The generated serializer of the child process's result.</summary>
[JsonSerializable(typeof(ScaleResult))]
internal sealed partial class ScaleJson : JsonSerializerContext;
