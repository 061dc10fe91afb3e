using LayerSwap.Checkpoints;

namespace LayerSwap.Planning;

/// <summary>Finds output heads that are tied to the embeddings, and unties them if only some inputs tie them.</summary>
internal static class TiedHeads
{
    /// <summary>
    /// Gives tied inputs a separate head if another input's config.json says that it has one. The output then has a separate head too.
    /// </summary>
    public static PlanRequest Untie(PlanRequest request, List<string> warnings)
    {
        Dictionary<ICheckpoint, ICheckpoint> views = new(ReferenceEqualityComparer.Instance);
        foreach (ICheckpoint input in request.Inputs)
        {
            ICheckpoint? untied = request.Inputs.FirstOrDefault(o =>
                HeadOf(o) is { } head && input.Find(head.Name) is null && ModelConfig.TryRead(o)?.TiedEmbeddings == false);
            if (untied is not null
                && HeadOf(untied) is { } head
                && ModelConfig.TryRead(input)?.TiedEmbeddings != false
                && EmbeddingOf(input) is { } embedding
                && embedding.Shape.Rank == head.Shape.Rank)
            {
                views.Add(input, RenamedCheckpoint.WithAlias(input, head.Name, embedding.Name));
                warnings.Add($"{Printable.Escape(input.Name)} ties its head to its embeddings, and {Printable.Escape(untied.Name)} "
                    + $"has a separate head ({Printable.Escape(head.Name)}): "
                    + "the embeddings are used as the head of the former, and the output has a separate head.");
            }
        }

        ICheckpoint ViewOf(ICheckpoint input) => views.GetValueOrDefault(input, input);
        return views.Count == 0 ? request : request with
        {
            Base = request.Base is { } @base ? ViewOf(@base) : null,
            Sources = [.. request.Sources.Select(s => s with { Checkpoint = ViewOf(s.Checkpoint) })],
            ConfigSource = ViewOf(request.ConfigSource),
            TokenizerSource = request.TokenizerSource is { } tokenizer ? ViewOf(tokenizer) : null,
        };
    }

    /// <summary>
    /// Finds the names of tied heads: no config.json unties them, and either every config.json ties them or an input lacks the head.
    /// </summary>
    public static IReadOnlySet<string> FindTied(IReadOnlyList<ICheckpoint> inputs, IReadOnlyList<InputConfig> configs)
    {
        HashSet<string> tied = new(StringComparer.Ordinal);
        if (configs.Count == 0 || configs.Any(c => c.Config.TiedEmbeddings == false))
        {
            return tied;
        }

        bool allTie = configs.All(c => c.Config.TiedEmbeddings == true);
        bool LacksHead(ICheckpoint input, TensorInfo head) =>
            input.Find(head.Name) is null && EmbeddingOf(input) is { Shape.Rank: 2 };

        foreach (TensorInfo head in inputs.Select(HeadOf).OfType<TensorInfo>())
        {
            if (allTie || inputs.Any(i => LacksHead(i, head)))
            {
                tied.Add(head.Name);
            }
        }

        return tied;
    }

    public static bool HasHead(ICheckpoint model) => HeadOf(model) is not null;

    /// <summary>Finds the output projection onto the vocabulary, if it has the shape of the embedding.</summary>
    private static TensorInfo? HeadOf(ICheckpoint model)
    {
        LayerMap map = LayerMap.Of(model);
        return EmbeddingOf(model) is { } embedding
            ? model.Tensors.FirstOrDefault(t =>
                t.Shape == embedding.Shape && map[t.Name] is { Kind: TensorKind.Head, IsTokenTable: true })
            : null;
    }

    private static TensorInfo? EmbeddingOf(ICheckpoint model)
    {
        LayerMap map = LayerMap.Of(model);
        return model.Tensors.FirstOrDefault(t =>
            t.Shape.Rank == 2 && map[t.Name] is { Kind: TensorKind.Embedding, IsTokenTable: true });
    }
}
