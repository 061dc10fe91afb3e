namespace LayerSwap.Merging;

/// <summary>Computes which elements of each source's delta are kept.</summary>
internal interface ISparsifier
{
    /// <summary>The number of consecutive elements that are decided together; 1 if each is decided alone.</summary>
    long RowLength { get; }

    /// <summary>Whether all elements of a source are kept.</summary>
    bool KeepsAll(int source);

    /// <summary>Runs passes over the whole tensor.</summary>
    /// <returns>The sparsifier for this run; runs of one plan may overlap.</returns>
    ISparsifier Prepare(TensorPasses passes);

    /// <summary>Computes the mask of a source's delta in a block.</summary>
    /// <param name="block">The block.</param>
    /// <param name="source">The index of a source that is not kept whole.</param>
    /// <param name="mask">Receives the mask; bits after the elements are undefined.</param>
    void ComputeMask<T>(in OperandBlock<T> block, int source, Span<ulong> mask)
        where T : unmanaged;
}
