using System.Globalization;
using System.Text;

namespace LayerSwap.Benchmarks.Floor;

/// <summary>The measurements as a Markdown table.</summary>
internal static class FloorTable
{
    public static string Of(Measurement[] results, long size, int threads, int rounds)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"Three BF16 models of {ByteSize.Format(size)}, {threads} thread(s), median of {rounds} interleaved rounds, files in the page cache.\n\n");
        text.Append("| operation | seconds | held against | ratio | peak memory |\n|---|---:|---|---:|---:|\n");
        foreach (Measurement m in results)
        {
            string ratio = m.Ratio?.ToString("F2", CultureInfo.InvariantCulture) ?? "";
            text.Append(CultureInfo.InvariantCulture, $"| {m.Operation.Name} | {m.Seconds:F2} | {m.Operation.Floor} | {ratio} | {ByteSize.Format(m.PeakMemory)} |\n");
        }

        return text.ToString();
    }
}
