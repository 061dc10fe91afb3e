namespace LayerSwap;

/// <summary>The progress of a long operation. Reported about ten times a second, and once at the end.</summary>
public sealed record WorkProgress
{
    /// <summary>Bytes read and written so far.</summary>
    public required long BytesDone { get; init; }

    /// <summary>The total number of bytes to read and write.</summary>
    public required long BytesTotal { get; init; }

    /// <summary>Time since the start.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The remaining time at the average speed so far, or null before the first bytes.</summary>
    public TimeSpan? Remaining => BytesDone <= 0 ? null : Elapsed * ((double)(BytesTotal - BytesDone) / BytesDone);

    /// <summary>The completed fraction, from 0 to 1.</summary>
    public double Fraction => BytesTotal == 0 ? 1 : (double)BytesDone / BytesTotal;
}
