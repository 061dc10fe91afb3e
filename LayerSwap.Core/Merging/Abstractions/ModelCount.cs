namespace LayerSwap.Merging;

/// <summary>Checks the number of models of methods that need a certain one.</summary>
internal static class ModelCount
{
    /// <summary>Requires exactly two models: a base and one source, or two sources without a base.</summary>
    /// <exception cref="MergeException">There are more or fewer.</exception>
    public static void RequireTwo(string method, TensorContext tensor)
    {
        if (tensor.SourceCount + (tensor.HasBase ? 1 : 0) != 2)
        {
            throw new MergeException($"{method} merges two models, a base and one other, or two without a base; "
                + $"this merge has {(tensor.HasBase ? "a base and " : string.Empty)}{tensor.SourceCount}.");
        }
    }

    public static void RequireBase(string method, TensorContext tensor, int least)
    {
        if (!tensor.HasBase || tensor.SourceCount < least)
        {
            throw new MergeException($"{method} needs a base and {least} or more models; "
                + $"this merge has {(tensor.HasBase ? "a base" : "no base")} and {tensor.SourceCount}. "
                + "Remedy: give the model that the others were fine-tuned from as the base.");
        }
    }

    public static void RequireBaseAndOne(string method, TensorContext tensor)
    {
        if (!tensor.HasBase || tensor.SourceCount != 1)
        {
            throw new MergeException($"{method} needs a base and one other model; "
                + $"this merge has {(tensor.HasBase ? "a base" : "no base")} and {tensor.SourceCount}.");
        }
    }
}
