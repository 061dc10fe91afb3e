namespace LayerSwap.LayerMaps;

/// <summary>Says why names differ, where one reason explains it: a prefix, or experts that one model packs and another has one by one.</summary>
internal static class NameDifference
{
    /// <summary>Why the names of one checkpoint are not those of a reference; null if no one reason explains it.</summary>
    public static string? Reason(ICheckpoint reference, ICheckpoint other)
    {
        string name = Printable.Escape(other.Name), first = Printable.Escape(reference.Name);
        (IReadOnlyList<NamePrefix> prefixes, int names) = NamePrefix.Find(reference, other);
        if (prefixes.Count > 0)
        {
            string pairs = string.Join(", ", prefixes.Select(p => $"'{Printable.Escape(p.Old)}' where {first} has '{Printable.Escape(p.New)}'"));
            return $"The names of {name} differ from those of {first} by a prefix: {names} of them begin with {pairs}. "
                + $"Remedy: map them, in every input that has the one and not the other: {string.Join(" ", prefixes.Select(p => $"--map '{Printable.Escape(p.ToString())}'"))} (map in a recipe, Checkpoint.Renamed in code).";
        }

        return PacksExperts(reference) != PacksExperts(other) && PacksExperts(reference) is not null && PacksExperts(other) is not null
            ? $"{(PacksExperts(other) == true ? name : first)} holds the experts of a layer packed into one tensor (such as experts.gate_up_proj), {(PacksExperts(other) == true ? first : name)} one by one. "
                + (Checkpoints.ExpertsApart.Applies(PacksExperts(other) == true ? other : reference)
                    ? "Remedy: map the packed ones, to have all of them one by one: --map experts (map: [experts] in a recipe, Checkpoint.WithExpertsApart in code); or save one of them again with the version of transformers that wrote the other."
                    : "Remedy: bring them to one layout: load one of them with the version of transformers that wrote the other, and save it again.")
            : null;
    }

    /// <summary>Whether experts are packed; null without experts.</summary>
    private static bool? PacksExperts(ICheckpoint checkpoint)
    {
        string[] experts = [.. checkpoint.Tensors.Select(t => t.Name).Where(n => n.Contains("experts.", StringComparison.Ordinal)).Take(64)];
        return experts.Length == 0 ? null : !Array.Exists(experts, n => n[(n.IndexOf("experts.", StringComparison.Ordinal) + "experts.".Length)..] is [>= '0' and <= '9', ..]);
    }
}
