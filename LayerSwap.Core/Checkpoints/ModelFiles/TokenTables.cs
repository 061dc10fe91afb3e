namespace LayerSwap.Checkpoints;

/// <summary>
/// Finds the tensors with a row for each token: input embedding, output head, and their biases. Candidates are found by name, and filtered
/// by the vocabulary size of config.json, or else the longest embedding: embeddings of positions or types have other sizes.
/// </summary>
internal static class TokenTables
{
    /// <summary>Finds the tables of a model, sorted by name; none for a model without token embeddings.</summary>
    /// <exception cref="CheckpointException">The config.json cannot be read.</exception>
    public static IReadOnlyList<TensorInfo> Find(ICheckpoint model)
    {
        LayerMap map = LayerMap.Of(model);
        TensorInfo[] candidates = [.. model.Tensors.Where(t => t.Shape.Rank > 0 && map[t.Name] is { IsTokenTable: true, InTower: false })];
        long[] embeddingRows =
            [.. candidates.Where(t => t.Shape.Rank == 2 && map[t.Name].Kind == TensorKind.Embedding).Select(t => t.Shape[0])];
        long? vocabularySize = embeddingRows.Length == 0 ? null : ModelConfig.TryRead(model)?.VocabularySize;
        long rows = vocabularySize is { } size && embeddingRows.Contains(size) ? size : embeddingRows.DefaultIfEmpty(-1).Max();
        return [.. candidates.Where(t => CountRows(t.Shape) == rows)];
    }

    /// <summary>Finds the tables of a model, or of all models in a stack.</summary>
    public static IEnumerable<TensorInfo> FindInSlices(ICheckpoint model) => model is MappedCheckpoint { Slices: { } slices }
        ? slices.SelectMany(s => FindInSlices(s.Model)).Where(t => model.Find(t.Name) is not null)
        : Find(model);

    /// <summary>The number of rows of a table: its first extent, or the second of a bias of shape (1, rows).</summary>
    public static long CountRows(TensorShape shape) => shape.Rank == 2 && shape[0] == 1 ? shape[1] : shape[0];

    /// <summary>The shape of a table with another number of rows.</summary>
    public static TensorShape WithRows(TensorShape shape, long rows) =>
        shape.Rank == 2 && shape[0] == 1 ? new TensorShape(1, rows) : shape.WithRows(rows);
}
