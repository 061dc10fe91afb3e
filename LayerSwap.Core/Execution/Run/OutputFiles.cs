using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Planning;

namespace LayerSwap.Execution;

/// <summary>What is written: a whole output, or a part of one, which has no more than weights, index and record.</summary>
internal enum OutputKind
{
    Whole,
    Part,
}

/// <summary>The files of an output beside its weights and its record.</summary>
internal static class OutputFiles
{
    /// <summary>Each with how it is made, in the order in which they are written: configuration, tokenizer and other companions, the card, the index.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="kind">What is written.</param>
    public static IEnumerable<AuxiliaryFile> Of(MergePlan plan, OutputKind kind)
    {
        if (kind == OutputKind.Whole)
        {
            foreach (AuxiliaryFile companion in AuxiliaryFilePlan.Of(plan.Request, plan.ConfigChanges))
            {
                yield return companion;
            }

            yield return new(ModelCard.FileName, () => ModelCard.Write(plan));
        }

        if (plan.Shards.Count > 1)
        {
            yield return new(ShardIndex.FileName, () => ShardIndexWriter.Write(plan.Tensors.Select(t => KeyValuePair.Create(t.Tensor.Name, t.File)), plan.Tensors.Sum(t => t.Tensor.ByteLength)));
        }
    }

    /// <summary>The names of all files, weights and record included.</summary>
    public static IReadOnlyList<string> NamesOf(MergePlan plan, OutputKind kind) => [.. plan.Files, .. Of(plan, kind).Select(f => f.Name), ManifestWriter.FileName];
}
