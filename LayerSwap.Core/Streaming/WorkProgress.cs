namespace LayerSwap;

/// <summary>How far long work has come. Reported about ten times a second, and once at the end.</summary>
public sealed record WorkProgress
{
    /// <summary>Bytes read and written so far.</summary>
    public required long BytesDone { get; init; }

    /// <summary>Bytes to read and write in all.</summary>
    public required long BytesTotal { get; init; }

    /// <summary>Time since the start.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The time still needed at the speed so far, or null before anything is done.</summary>
    public TimeSpan? Remaining => BytesDone <= 0 ? null : Elapsed * ((double)(BytesTotal - BytesDone) / BytesDone);

    /// <summary>The share done, from 0 to 1.</summary>
    public double Fraction => BytesTotal == 0 ? 1 : (double)BytesDone / BytesTotal;
}
