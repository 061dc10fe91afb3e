namespace LayerSwap.Benchmarks.Scale;

/// <summary>What a row, or several, are measured on: a folder by this name.</summary>
internal sealed record ScaleInput(string Name, Func<string, Task> Make);

/// <summary>A row of the table: what is measured, on what, and what it may take.</summary>
internal sealed record ScaleRow
{
    public required string Name { get; init; }

    public required ScaleInput Input { get; init; }

    /// <summary>What is timed, once in a process; given the input's folder and one to write in.</summary>
    public required Func<string, string, Task<ScaleWork>> Run { get; init; }

    /// <summary>What comes before the clock starts, where a throughput is asked for and not what a command takes; given the folder to write in.</summary>
    public Func<string, Task>? Warm { get; init; }

    public double? MostSeconds { get; init; }

    public long? MostMemory { get; init; }

    /// <summary>Whether it is left out unless asked for.</summary>
    public bool Large { get; init; }
}

/// <summary>What a row's work moved and was allowed, known to merges only.</summary>
internal sealed record ScaleWork
{
    /// <summary>Bytes read and written.</summary>
    public long? Traffic { get; init; }

    /// <summary>The peak memory that the plan names: its own limit.</summary>
    public long? PlannedMemory { get; init; }

    public static ScaleWork Of(MergePlan plan) => new() { Traffic = plan.ReadBytes + plan.WriteBytes, PlannedMemory = plan.PeakMemoryBytes };
}

/// <summary>A row as measured: the median time and the greatest peak of its processes.</summary>
internal sealed record ScaleResult
{
    public required double Seconds { get; init; }

    public required long PeakMemory { get; init; }

    public required ScaleWork Work { get; init; }
}
