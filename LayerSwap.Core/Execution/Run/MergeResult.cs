namespace LayerSwap;

/// <summary>What a merge wrote.</summary>
public sealed partial record MergeResult
{
    /// <summary>The output folder, absolute.</summary>
    public required string Path { get; init; }

    /// <summary>Everything in it: weights, index, configuration, tokenizer, record; file names.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>The number of tensors written.</summary>
    public required int Tensors { get; init; }

    /// <summary>Bytes of weight files written.</summary>
    public required long Bytes { get; init; }

    /// <summary>NaNs and infinities in the inputs of computed tensors, by tensor and model; empty where all is finite. Tensors that are taken are not looked at.</summary>
    public required IReadOnlyList<NonFiniteInput> NonFinite { get; init; }

    /// <summary>Results that are infinite or NaN though their inputs are finite: too large for the output's dtype; by tensor; empty where there are none.</summary>
    public required IReadOnlyList<Overflow> Overflows { get; init; }

    /// <summary>The time it took.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The plan that was worked.</summary>
    public required MergePlan Plan { get; init; }

    /// <summary>A line for people.</summary>
    public override string ToString() =>
        $"{Tensors} tensors, {ByteSize.Format(Bytes)} in {Elapsed.TotalSeconds.ToString("F1", System.Globalization.CultureInfo.InvariantCulture)} s: {Printable.Escape(Path)}";
}
