using System.Diagnostics;

namespace LayerSwap.Benchmarks.Floor;

/// <summary>An operation to time.</summary>
/// <param name="Name">The name in the table.</param>
/// <param name="Baseline">The name of its baseline.</param>
/// <param name="Models">The minimum number of models whose bytes are read or written. Further passes do not count.</param>
/// <param name="Limit">The largest allowed ratio to the baseline.</param>
/// <param name="Run">Runs the operation.</param>
internal sealed record Operation(string Name, string? Baseline, double Models, double? Limit, Func<Task> Run);

/// <summary>The median time of an operation, and the median of its ratios to the baseline in each round.</summary>
internal sealed record Measurement(Operation Operation, double Seconds, double? Ratio, long PeakMemory);

/// <summary>Times operations in interleaved rounds.</summary>
internal static class InterleavedTimer
{
    public static async Task<Measurement[]> MeasureAsync(Operation[] operations, int rounds, Action clear)
    {
        double[][] seconds = [.. operations.Select(_ => new double[rounds])];
        long[] peaks = new long[operations.Length];
        // Round -1 warms up caches and the JIT, and is not counted.
        for (int round = -1; round < rounds; round++)
        {
            for (int i = 0; i < operations.Length; i++)
            {
                clear();
                // Most merges run in a new process: release the memory of earlier operations.
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                PeakMemory.Reset();
                long start = Stopwatch.GetTimestamp();
                await operations[i].Run();
                double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
                peaks[i] = Math.Max(peaks[i], PeakMemory.Read());
                if (round >= 0)
                {
                    seconds[i][round] = elapsed;
                }
            }
        }

        clear();
        return [.. operations.Select((operation, i) =>
        {
            int floor = Array.FindIndex(operations, o => o.Name == operation.Baseline);
            double? ratio = floor < 0 ? null : Median([.. seconds[i].Zip(seconds[floor], (a, b) => a / b)]);
            return new Measurement(operation, Median(seconds[i]), ratio, peaks[i]);
        })];
    }

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
