namespace LayerSwap;

// The search for prefixes by which the names of two checkpoints differ.
public sealed partial record NamePrefix
{
    /// <summary>Whether a checkpoint has names with the old prefix and none with the new one.</summary>
    internal bool AppliesTo(ICheckpoint checkpoint)
    {
        bool HasName(Func<string, bool> matches) => checkpoint.Tensors.Any(t => matches(t.Name));

        if (Old == New || !HasName(n => n.StartsWith(Old, StringComparison.Ordinal)))
        {
            return false;
        }

        bool hasNew = New.Length > 0 && HasName(n => n.StartsWith(New, StringComparison.Ordinal));
        // Names with a language model part must not get a second one.
        bool hasLanguageModel = New.Contains(LanguageModel, StringComparison.Ordinal)
            && HasName(n => n.Contains(LanguageModel, StringComparison.Ordinal));
        return !hasNew && !hasLanguageModel;
    }

    /// <summary>Finds the prefixes that make names equal to those of a reference.</summary>
    /// <param name="reference">The checkpoint with the expected names.</param>
    /// <param name="other">The checkpoint with the names to correct.</param>
    /// <returns>The prefixes and the number of names they correct; empty if they correct fewer than half of the differing names.</returns>
    internal static (IReadOnlyList<NamePrefix> Prefixes, int Names) Find(ICheckpoint reference, ICheckpoint other)
    {
        HashSet<string> expected = [.. reference.Tensors.Select(t => t.Name).Where(n => other.Find(n) is null)];
        HashSet<string> unmatched = [.. other.Tensors.Select(t => t.Name).Where(n => reference.Find(n) is null)];
        int differing = Math.Min(expected.Count, unmatched.Count), corrected = 0;
        List<NamePrefix> prefixes = [];
        while (prefixes.Count < MaxPrefixes && expected.Count > 0 && unmatched.Count > 0 && FindBest(expected, unmatched) is { } best)
        {
            string[] matched = [.. unmatched.Where(n => best.Corrects(n, expected))];
            prefixes.Add(best);
            corrected += matched.Length;
            foreach (string name in matched)
            {
                unmatched.Remove(name);
                expected.Remove(best.Apply(name));
            }
        }

        return corrected * 2 >= differing && corrected > 1 ? (Narrow(prefixes, reference, other), corrected) : ([], 0);
    }

    /// <summary>Replaces an empty old prefix, which would also change correct names, by the first parts of the differing names.</summary>
    private static List<NamePrefix> Narrow(List<NamePrefix> prefixes, ICheckpoint reference, ICheckpoint other)
    {
        IEnumerable<NamePrefix> SplitByFirstPart(string added) => other.Tensors
            .Select(t => t.Name)
            .Where(n => reference.Find(n) is null && reference.Find(added + n) is not null)
            .Select(n => n[..(n.IndexOf('.', StringComparison.Ordinal) + 1)])
            .Where(first => first.Length > 0)
            .Distinct(StringComparer.Ordinal)
            .Take(MaxFirstParts)
            .Select(first => new NamePrefix(first, added + first));

        return other.Tensors.Any(t => reference.Find(t.Name) is not null)
            ? [.. prefixes.SelectMany(p => p.Old.Length > 0 ? [p] : SplitByFirstPart(p.New))]
            : prefixes;
    }
}
