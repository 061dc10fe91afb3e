namespace LayerSwap.Benchmarks.Scale;

/// <summary>The input folder of one or more rows, and how to create it.</summary>
internal sealed record ScaleInput(string Name, Func<string, Task> Make);

/// <summary>A row of the table: an operation, its input and its limits.</summary>
internal sealed record ScaleRow
{
    public required string Name { get; init; }

    public required ScaleInput Input { get; init; }

    /// <summary>The operation, timed once per process. Its arguments are the input folder and the output folder.</summary>
    public required Func<string, string, Task<ScaleWork>> Run { get; init; }

    /// <summary>The warm-up before a throughput measurement, or null. Its argument is the output folder.</summary>
    public Func<string, Task>? Warm { get; init; }

    public double? MaxSeconds { get; init; }

    public long? MaxMemory { get; init; }

    /// <summary>Whether the row only runs with --large.</summary>
    public bool Large { get; init; }
}

/// <summary>The traffic and planned memory of a row, for merges only.</summary>
internal sealed record ScaleWork
{
    /// <summary>The bytes read and written.</summary>
    public long? Traffic { get; init; }

    /// <summary>The peak memory of the plan in bytes, which is the row's limit.</summary>
    public long? PlannedMemory { get; init; }

    public static ScaleWork Of(MergePlan plan) =>
        new() { Traffic = plan.ReadBytes + plan.WriteBytes, PlannedMemory = plan.PeakMemoryBytes };
}

/// <summary>The result of a row: the median time and the largest peak memory of its processes.</summary>
internal sealed record ScaleResult
{
    public required double Seconds { get; init; }

    public required long PeakMemory { get; init; }

    public required ScaleWork Work { get; init; }
}
