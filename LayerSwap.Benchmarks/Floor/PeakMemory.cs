using System.Globalization;

namespace LayerSwap.Benchmarks.Floor;

/// <summary>The process's peak resident memory, by the kernel's own count; it can be reset on Linux.</summary>
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
