namespace LayerSwap.Checkpoints;

/// <summary>
/// The tables of a model that have a row, or an element, for each token: the input embedding, the output projection, and their biases. Names say what may be one; the vocabulary size of config.json,
/// or else the longest embedding, says how many rows it has: positions, types, classes and projections have others.
/// </summary>
internal static class TokenTables
{
    /// <summary>The tables, in the order of names; empty for a model without token embeddings.</summary>
    /// <exception cref="CheckpointException">The config.json cannot be read.</exception>
    public static IReadOnlyList<TensorInfo> Of(ICheckpoint model)
    {
        LayerMap map = LayerMap.Of(model);
        TensorInfo[] tables = [.. model.Tensors.Where(t => t.Shape.Rank > 0 && map[t.Name] is { IsTokenTable: true, InTower: false })];
        long[] embeddings = [.. tables.Where(t => t.Shape.Rank == 2 && map[t.Name].Kind == TensorKind.Embedding).Select(t => t.Shape[0])];
        long? said = embeddings.Length == 0 ? null : ModelConfig.TryRead(model)?.VocabularySize;
        long rows = said is { } vocabulary && embeddings.Contains(vocabulary) ? vocabulary : embeddings.DefaultIfEmpty(-1).Max();
        return [.. tables.Where(t => RowsOf(t.Shape) == rows)];
    }

    /// <summary>The tables of a model, or of all models that it is stacked of.</summary>
    public static IEnumerable<TensorInfo> OfAny(ICheckpoint model) => model is MappedCheckpoint { Slices: { } slices } ? slices.SelectMany(s => OfAny(s.Model)).Where(t => model.Find(t.Name) is not null) : Of(model);

    /// <summary>The number of rows of a table: its first extent, or of a bias that is one row of elements (1, rows) its second.</summary>
    public static long RowsOf(TensorShape shape) => shape.Rank == 2 && shape[0] == 1 ? shape[1] : shape[0];

    /// <summary>The shape of a table with other rows.</summary>
    public static TensorShape WithRows(TensorShape shape, long rows) => shape.Rank == 2 && shape[0] == 1 ? new TensorShape(1, rows) : shape.WithRows(rows);
}
