using System.Globalization;
using System.Text;

namespace LayerSwap.Benchmarks.Scale;

/// <summary>The rows as a Markdown table.</summary>
internal static class ScaleTable
{
    public static string Of(IEnumerable<(ScaleRow Row, ScaleResult Result)> rows, int rounds)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} thread(s), median time and greatest peak of {rounds} process(es) a row; GB/s of bytes read and written.\n\n");
        text.Append("| row | seconds | GB/s | peak memory | limit |\n|---|---:|---:|---:|---|\n");
        foreach ((ScaleRow row, ScaleResult result) in rows)
        {
            string speed = (result.Work.Traffic / result.Seconds / 1e9)?.ToString("F2", CultureInfo.InvariantCulture) ?? "";
            text.Append(CultureInfo.InvariantCulture, $"| {row.Name} | {result.Seconds:F2} | {speed} | {ByteSize.Format(result.PeakMemory)} | {string.Join(", ", Limits(row, result))} |\n");
        }

        return text.ToString();
    }

    public static bool Holds(ScaleRow row, ScaleResult result) => !(result.Seconds > row.MostSeconds) && !(result.PeakMemory > MostMemory(row, result));

    /// <summary>A merge is held against what its plan says.</summary>
    private static long? MostMemory(ScaleRow row, ScaleResult result) => row.MostMemory ?? result.Work.PlannedMemory;

    private static IEnumerable<string> Limits(ScaleRow row, ScaleResult result)
    {
        if (row.MostSeconds is { } seconds)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{seconds} s{(result.Seconds > seconds ? " **missed**" : "")}");
        }

        if (MostMemory(row, result) is { } memory)
        {
            yield return $"{ByteSize.Format(memory)}{(row.MostMemory is null ? " by its plan" : "")}{(result.PeakMemory > memory ? " **missed**" : "")}";
        }
    }
}
