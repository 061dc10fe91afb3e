using System.Diagnostics;

namespace LayerSwap.Benchmarks.Floor;

/// <summary>Something to be timed.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Floor">The name of what it is held against.</param>
/// <param name="Models">How many models' bytes must be read and written at least; what is read again in another pass does not count.</param>
/// <param name="Limit">The most that its ratio may be.</param>
/// <param name="Run">Does it.</param>
internal sealed record Operation(string Name, string? Floor, double Models, double? Limit, Func<Task> Run);

/// <summary>The median time of an operation, and its ratio to its floor, round by round, as a median too.</summary>
internal sealed record Measurement(Operation Operation, double Seconds, double? Ratio, long PeakMemory);

/// <summary>Times operations in interleaved rounds.</summary>
internal static class Stopwatches
{
    public static async Task<Measurement[]> MeasureAsync(Operation[] operations, int rounds, Action clear)
    {
        double[][] seconds = [.. operations.Select(_ => new double[rounds])];
        long[] peaks = new long[operations.Length];
        // The round before the first warms caches and compilers and is not counted.
        for (int round = -1; round < rounds; round++)
        {
            for (int i = 0; i < operations.Length; i++)
            {
                clear();
                // A merge is most often a process of its own: as much as can be of what operations before this one left is given back.
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
            int floor = Array.FindIndex(operations, o => o.Name == operation.Floor);
            return new Measurement(operation, Median(seconds[i]), floor < 0 ? null : Median([.. seconds[i].Zip(seconds[floor], (a, b) => a / b)]), peaks[i]);
        })];
    }

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
