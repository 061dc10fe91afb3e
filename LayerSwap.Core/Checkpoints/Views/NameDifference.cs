namespace LayerSwap.Checkpoints;

/// <summary>Explains differing tensor names that have one cause: a prefix, or experts packed in one model only.</summary>
internal static class NameDifference
{
    private const string ExpertsPart = "experts.";

    /// <summary>Explains why a checkpoint's names differ from a reference's; null if there is no single cause.</summary>
    public static string? Explain(ICheckpoint reference, ICheckpoint checkpoint)
    {
        string name = Printable.Escape(checkpoint.Name), referenceName = Printable.Escape(reference.Name);
        (IReadOnlyList<NamePrefix> prefixes, int names) = NamePrefix.Find(reference, checkpoint);
        if (prefixes.Count > 0)
        {
            string pairs = string.Join(", ", prefixes.Select(p =>
                $"'{Printable.Escape(p.Old)}' where {referenceName} has '{Printable.Escape(p.New)}'"));
            string options = string.Join(" ", prefixes.Select(p => $"--map '{Printable.Escape(p.ToString())}'"));
            return $"The names of {name} differ from those of {referenceName} by a prefix: {names} of them begin with {pairs}. "
                + $"Remedy: map them, in every input that has the one and not the other: {options} "
                + "(map in a recipe, Checkpoint.Renamed in code).";
        }

        if (PacksExperts(reference) is not { } referencePacks || PacksExperts(checkpoint) is not { } packs || packs == referencePacks)
        {
            return null;
        }

        string remedy = UnpackedExpertsCheckpoint.CanUnpack(packs ? checkpoint : reference)
            ? "Remedy: split the packed ones into one tensor each: --map experts "
                + "(map: [experts] in a recipe, Checkpoint.WithExpertsApart in code); "
                + "or save one of the models again with the version of transformers that wrote the other."
            : "Remedy: bring them to one layout: load one of them with the version of transformers that wrote the other, "
                + "and save it again.";
        return $"{(packs ? name : referenceName)} holds the experts of a layer packed into one tensor (such as experts.gate_up_proj), "
            + $"{(packs ? referenceName : name)} one by one. {remedy}";
    }

    /// <summary>Whether experts are packed; null without experts.</summary>
    private static bool? PacksExperts(ICheckpoint checkpoint)
    {
        string[] experts =
            [.. checkpoint.Tensors.Select(t => t.Name).Where(n => n.Contains(ExpertsPart, StringComparison.Ordinal)).Take(64)];
        return experts.Length == 0 ? null : !Array.Exists(experts, HasExpertNumber);
    }

    private static bool HasExpertNumber(string name) =>
        name[(name.IndexOf(ExpertsPart, StringComparison.Ordinal) + ExpertsPart.Length)..] is [>= '0' and <= '9', ..];
}
