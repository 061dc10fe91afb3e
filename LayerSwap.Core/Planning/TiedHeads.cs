using LayerSwap.Checkpoints;

namespace LayerSwap.Planning;

/// <summary>Heads that are the embedding by another name, in all inputs or in some.</summary>
internal static class TiedHeads
{
    /// <summary>
    /// Gives inputs whose head is their embedding a head, where other inputs have one of their own by their configuration: the output has one too, the average of heads where heads are averaged.
    /// </summary>
    public static PlanRequest Untie(PlanRequest request, List<string> warnings)
    {
        Dictionary<ICheckpoint, ICheckpoint> views = new(ReferenceEqualityComparer.Instance);
        foreach (ICheckpoint input in request.Inputs)
        {
            ICheckpoint? untied = request.Inputs.FirstOrDefault(o => HeadOf(o) is { } head && input.Find(head.Name) is null && ModelConfig.TryRead(o)?.TiedEmbeddings == false);
            if (untied is not null && HeadOf(untied) is { } wanted && ModelConfig.TryRead(input)?.TiedEmbeddings != false && EmbeddingOf(input) is { } embedding && embedding.Shape.Rank == wanted.Shape.Rank)
            {
                views.Add(input, RenamedCheckpoint.WithAlias(input, wanted.Name, embedding.Name));
                warnings.Add($"{Printable.Escape(input.Name)} ties its head to its embeddings, and {Printable.Escape(untied.Name)} has a head of its own ({Printable.Escape(wanted.Name)}): the embeddings stand for the head of the former, and the output has a head of its own.");
            }
        }

        ICheckpoint View(ICheckpoint input) => views.GetValueOrDefault(input, input);
        return views.Count == 0 ? request : request with
        {
            Base = request.Base is { } origin ? View(origin) : null,
            Sources = [.. request.Sources.Select(s => s with { Checkpoint = View(s.Checkpoint) })],
            Donor = View(request.Donor),
            Tokenizer = request.Tokenizer is { } tokenizer ? View(tokenizer) : null,
        };
    }

    /// <summary>The names of heads that are the embedding: no configuration says otherwise, and some say so, or some input has no head at all.</summary>
    public static IReadOnlySet<string> Tied(IReadOnlyList<ICheckpoint> inputs, IReadOnlyList<InputConfig> configs)
    {
        HashSet<string> tied = new(StringComparer.Ordinal);
        if (configs.Count > 0 && configs.All(c => c.Config.TiedEmbeddings != false))
        {
            foreach (TensorInfo head in inputs.Select(HeadOf).OfType<TensorInfo>())
            {
                if (configs.All(c => c.Config.TiedEmbeddings == true) || inputs.Any(i => i.Find(head.Name) is null && EmbeddingOf(i) is { } embedding && embedding.Shape.Rank == 2))
                {
                    tied.Add(head.Name);
                }
            }
        }

        return tied;
    }

    public static bool HasHead(ICheckpoint model) => HeadOf(model) is not null;

    /// <summary>The output projection onto the vocabulary, if it has the embedding's shape.</summary>
    private static TensorInfo? HeadOf(ICheckpoint model)
    {
        LayerMap map = LayerMap.Of(model);
        return EmbeddingOf(model) is { } embedding ? model.Tensors.FirstOrDefault(t => t.Shape == embedding.Shape && map[t.Name] is { Kind: TensorKind.Head, IsTokenTable: true }) : null;
    }

    private static TensorInfo? EmbeddingOf(ICheckpoint model)
    {
        LayerMap map = LayerMap.Of(model);
        return model.Tensors.FirstOrDefault(t => t.Shape.Rank == 2 && map[t.Name] is { Kind: TensorKind.Embedding, IsTokenTable: true });
    }
}
