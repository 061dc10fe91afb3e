using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Planning;

namespace LayerSwap.Execution;

/// <summary>The kind of an output: a whole model, or a part, which has only weights, index and manifest.</summary>
internal enum OutputKind
{
    Whole,
    Part,
}

/// <summary>Lists the files of an output.</summary>
internal static class OutputFiles
{
    /// <summary>Lists all files but weights and manifest, in writing order: auxiliary files, model card, index.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="kind">The kind of output.</param>
    public static IEnumerable<AuxiliaryFile> Of(MergePlan plan, OutputKind kind)
    {
        if (kind == OutputKind.Whole)
        {
            foreach (AuxiliaryFile file in AuxiliaryFilePlan.ListFiles(plan.Request, plan.ConfigChanges))
            {
                yield return file;
            }

            yield return new(ModelCard.FileName, () => ModelCard.Write(plan));
        }

        if (plan.Shards.Count > 1)
        {
            yield return new(ShardIndex.FileName, () => ShardIndexWriter.Write(
                plan.Tensors.Select(t => KeyValuePair.Create(t.Tensor.Name, t.File)),
                plan.Tensors.Sum(t => t.Tensor.ByteLength)));
        }
    }

    /// <summary>Lists the names of all files, weights and manifest included.</summary>
    public static IReadOnlyList<string> NamesOf(MergePlan plan, OutputKind kind) =>
        [.. plan.Files, .. Of(plan, kind).Select(f => f.Name), ManifestWriter.FileName];
}
