using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LayerSwap.Benchmarks.Floor;

/// <summary>The measurements as a Markdown table, and as JSON.</summary>
internal static class FloorTable
{
    public static string Of(Measurement[] results, long size, int threads, int rounds)
    {
        StringBuilder text = new();
        text.Append(
            CultureInfo.InvariantCulture,
            $"Three BF16 models of {ByteSize.Format(size)}, {threads} thread(s), median of {rounds} interleaved rounds, "
                + $"files in the page cache. GB/s of the minimum of bytes read and written.\n\n");
        text.Append("| operation | seconds | GB/s | baseline | ratio | limit | peak memory |\n|---|---:|---:|---|---:|---:|---:|\n");
        foreach (Measurement m in results)
        {
            string ratio = m.Ratio is { } number ? Number(number) : "";
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {m.Operation.Name} | {m.Seconds:F2} | {Speed(m, size):F1} | {m.Operation.Baseline} | {ratio} | {Limit(m)} "
                    + $"| {ByteSize.Format(m.PeakMemory)} |\n");
        }

        return text.ToString();
    }

    public static string Json(Measurement[] results, long size, int threads, int rounds)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteNumber("bytes", size);
            json.WriteNumber("threads", threads);
            json.WriteNumber("rounds", rounds);
            json.WriteStartArray("operations");
            foreach (Measurement m in results)
            {
                json.WriteStartObject();
                json.WriteString("name", m.Operation.Name);
                json.WriteNumber("seconds", Math.Round(m.Seconds, 4));
                json.WriteNumber("gigabytesPerSecond", Math.Round(Speed(m, size), 2));
                json.WriteString("floor", m.Operation.Baseline);
                Write(json, "ratio", m.Ratio);
                Write(json, "limit", m.Operation.Limit);
                json.WriteNumber("peakBytes", m.PeakMemory);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    /// <summary>Formats the limit, in bold if it is exceeded.</summary>
    private static string Limit(Measurement m)
    {
        if (m.Operation.Limit is not { } limit)
        {
            return "";
        }

        return m.Ratio > limit ? $"**{Number(limit)}**" : Number(limit);
    }

    private static double Speed(Measurement m, long size) => m.Operation.Models * size / m.Seconds / 1e9;

    private static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);

    private static void Write(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, Math.Round(number, 3));
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
