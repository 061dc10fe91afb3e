using System.Globalization;

namespace LayerSwap.Benchmarks.Floor;

/// <summary>The peak resident memory of the process in bytes, as the kernel counts it. Only Linux can reset it.</summary>
internal static class PeakMemory
{
    public static void Reset()
    {
        if (OperatingSystem.IsLinux())
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
        }
    }

    public static long Read() => OperatingSystem.IsLinux()
        ? File.ReadLines("/proc/self/status").Where(l => l.StartsWith("VmHWM", StringComparison.Ordinal))
            .Select(l => long.Parse(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024).Single()
        : Environment.WorkingSet;
}
