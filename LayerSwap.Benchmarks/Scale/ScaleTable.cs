using System.Globalization;
using System.Text;

namespace LayerSwap.Benchmarks.Scale;

/// <summary>The rows as a Markdown table.</summary>
internal static class ScaleTable
{
    public static string Of(IEnumerable<(ScaleRow Row, ScaleResult Result)> rows, int rounds)
    {
        StringBuilder text = new();
        text.Append(
            CultureInfo.InvariantCulture,
            $"{Environment.ProcessorCount} thread(s), median time and largest peak memory of {rounds} process(es) per row; "
                + $"GB/s of bytes read and written.\n\n");
        text.Append("| row | seconds | GB/s | peak memory | limit |\n|---|---:|---:|---:|---|\n");
        foreach ((ScaleRow row, ScaleResult result) in rows)
        {
            string speed = (result.Work.Traffic / result.Seconds / 1e9)?.ToString("F2", CultureInfo.InvariantCulture) ?? "";
            string limits = string.Join(", ", Limits(row, result));
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {row.Name} | {result.Seconds:F2} | {speed} | {ByteSize.Format(result.PeakMemory)} | {limits} |\n");
        }

        return text.ToString();
    }

    /// <summary>Tells whether the result is within the row's limits.</summary>
    public static bool MeetsLimits(ScaleRow row, ScaleResult result) =>
        !(result.Seconds > row.MaxSeconds) && !(result.PeakMemory > MemoryLimit(row, result));

    /// <summary>Returns the row's memory limit, or the plan's.</summary>
    private static long? MemoryLimit(ScaleRow row, ScaleResult result) => row.MaxMemory ?? result.Work.PlannedMemory;

    private static IEnumerable<string> Limits(ScaleRow row, ScaleResult result)
    {
        if (row.MaxSeconds is { } seconds)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{seconds} s{(result.Seconds > seconds ? " **missed**" : "")}");
        }

        if (MemoryLimit(row, result) is { } memory)
        {
            string source = row.MaxMemory is null ? " by its plan" : "";
            yield return $"{ByteSize.Format(memory)}{source}{(result.PeakMemory > memory ? " **missed**" : "")}";
        }
    }
}
