namespace LayerSwap;

/// <summary>The result of a saved merge.</summary>
public sealed partial record MergeResult
{
    /// <summary>The output folder, absolute.</summary>
    public required string Path { get; init; }

    /// <summary>The names of all files in the folder: weights, index, configuration, tokenizer, manifest.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>The number of tensors written.</summary>
    public required int Tensors { get; init; }

    /// <summary>The size of the weight files in bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>NaNs and infinities in the inputs of computed tensors, by tensor and model. Copied tensors are not checked.</summary>
    public required IReadOnlyList<NonFiniteInput> NonFinite { get; init; }

    /// <summary>Results of finite inputs that are too large for the output's dtype, by tensor.</summary>
    public required IReadOnlyList<Overflow> Overflows { get; init; }

    /// <summary>The time that the merge took.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The plan that was executed.</summary>
    public required MergePlan Plan { get; init; }

    /// <summary>Formats the result as one line of text.</summary>
    public override string ToString() =>
        $"{Tensors} tensors, {ByteSize.Format(Bytes)} in "
        + $"{Elapsed.TotalSeconds.ToString("F1", System.Globalization.CultureInfo.InvariantCulture)} s: {Printable.Escape(Path)}";
}
