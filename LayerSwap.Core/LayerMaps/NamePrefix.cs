namespace LayerSwap;

/// <summary>A beginning of tensors' names that one program writes and another does not: <c>module.</c>, <c>_orig_mod.</c>, <c>model.language_model.</c> for <c>model.</c>.</summary>
/// <param name="Old">What names begin with.</param>
/// <param name="New">What they begin with instead.</param>
public sealed record NamePrefix(string Old, string New)
{
    /// <summary>What stands for <see cref="Checkpoint.WithExpertsApart"/> where prefixes are written.</summary>
    internal const string Experts = "experts";

    private const int MostPairs = 4, MostParts = 12, Sampled = 400;

    private const string LanguageModel = "language_model.";

    /// <summary>The well-known ones by name.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<NamePrefix>> Known { get; } = new SortedDictionary<string, IReadOnlyList<NamePrefix>>(StringComparer.Ordinal)
    {
        ["ddp"] = [new("module.", "")],
        ["compiled"] = [new("_orig_mod.", "")],
        ["peft"] = [new("base_model.model.", "")],
        ["bert"] = [new("", "bert.")],
        ["roberta"] = [new("", "roberta.")],
        ["qwen2-vl"] = [new("model.", "model.language_model."), new("visual.", "model.visual.")],
        ["vlm-text"] = [new("model.", "language_model.model."), new("lm_head.", "language_model.lm_head.")],
    };

    /// <summary>Reads prefixes as they are written: <c>OLD=NEW</c>, or the name of a well-known one.</summary>
    /// <param name="text">The text.</param>
    /// <returns>Null if it is neither.</returns>
    public static IReadOnlyList<NamePrefix>? TryParse(string? text)
    {
        int equals = text?.IndexOf('=', StringComparison.Ordinal) ?? -1;
        return equals >= 0 ? [new NamePrefix(text![..equals], text[(equals + 1)..])] : text is not null && Known.TryGetValue(text, out IReadOnlyList<NamePrefix>? known) ? known : null;
    }

    /// <summary>As <c>OLD=NEW</c>.</summary>
    public override string ToString() => $"{Old}={New}";

    /// <summary>Whether a checkpoint's names have the old beginning and none has the new one.</summary>
    internal bool Concerns(ICheckpoint checkpoint) => Old != New && !(New.Contains(LanguageModel, StringComparison.Ordinal) && checkpoint.Tensors.Any(t => t.Name.Contains(LanguageModel, StringComparison.Ordinal))) && checkpoint.Tensors.Any(t => t.Name.StartsWith(Old, StringComparison.Ordinal)) && (New.Length == 0 || !checkpoint.Tensors.Any(t => t.Name.StartsWith(New, StringComparison.Ordinal)));

    /// <summary>Finds the prefixes by which names differ from those of a reference.</summary>
    /// <param name="reference">The names as they should be.</param>
    /// <param name="other">The names as they are.</param>
    /// <returns>The prefixes, and how many names they make equal; empty if no prefix explains at least half of what differs.</returns>
    internal static (IReadOnlyList<NamePrefix> Prefixes, int Names) Find(ICheckpoint reference, ICheckpoint other)
    {
        HashSet<string> wanted = [.. reference.Tensors.Select(t => t.Name).Where(n => other.Find(n) is null)], left = [.. other.Tensors.Select(t => t.Name).Where(n => reference.Find(n) is null)];
        int differing = Math.Min(wanted.Count, left.Count), explained = 0;
        List<NamePrefix> found = [];
        while (found.Count < MostPairs && wanted.Count > 0 && left.Count > 0 && Best(wanted, left) is { } best)
        {
            string[] matched = [.. left.Where(n => n.StartsWith(best.Old, StringComparison.Ordinal) && wanted.Contains(best.New + n[best.Old.Length..]))];
            found.Add(best);
            explained += matched.Length;
            foreach (string name in matched)
            {
                left.Remove(name);
                wanted.Remove(best.New + name[best.Old.Length..]);
            }
        }

        return explained * 2 >= differing && explained > 1 ? (Narrowed(found, reference, other), explained) : ([], 0);
    }

    /// <summary>A prefix before every name would also change names that are right: there the first parts of those that are not are named instead.</summary>
    private static List<NamePrefix> Narrowed(List<NamePrefix> found, ICheckpoint reference, ICheckpoint other) => !other.Tensors.Any(t => reference.Find(t.Name) is not null) ? found
        : [.. found.SelectMany(p => p.Old.Length > 0 ? [p]
            : other.Tensors.Where(t => reference.Find(t.Name) is null && reference.Find(p.New + t.Name) is not null).Select(t => t.Name[..(t.Name.IndexOf('.', StringComparison.Ordinal) + 1)]).Where(f => f.Length > 0)
                .Distinct(StringComparer.Ordinal).Take(MostParts).Select(f => new NamePrefix(f, p.New + f)))];

    /// <summary>The pair of prefixes that makes most names equal.</summary>
    private static NamePrefix? Best(HashSet<string> wanted, HashSet<string> left)
    {
        ILookup<string, string> byEnd = wanted.ToLookup(EndOf, StringComparer.Ordinal);
        Dictionary<NamePrefix, int> votes = [];
        int step = Math.Max(1, left.Count / Sampled);
        foreach (string name in left.Where((_, i) => i % step == 0))
        {
            foreach (string like in byEnd[EndOf(name)].Take(Sampled))
            {
                NamePrefix pair = WithoutCommonEnd(name, like);
                votes[pair] = votes.GetValueOrDefault(pair) + 1;
            }
        }

        return votes.OrderByDescending(v => v.Value).ThenBy(v => v.Key.Old.Length + v.Key.New.Length).Take(8).Select(v => v.Key)
            .Select(p => (Pair: p, Count: left.Count(n => n.StartsWith(p.Old, StringComparison.Ordinal) && wanted.Contains(p.New + n[p.Old.Length..]))))
            .Where(p => p.Count > 0).OrderByDescending(p => p.Count).ThenBy(p => p.Pair.Old.Length + p.Pair.New.Length).Select(p => p.Pair).FirstOrDefault();
    }

    /// <summary>The last three parts of a name.</summary>
    private static string EndOf(string name)
    {
        int at = name.Length;
        for (int i = 0; i < 3 && at > 0; i++)
        {
            at = name.LastIndexOf('.', at - 1);
        }

        return at < 0 ? name : name[(at + 1)..];
    }

    /// <summary>What is left of two names without the parts that both end with.</summary>
    private static NamePrefix WithoutCommonEnd(string name, string like)
    {
        int same = 0, cut = 0;
        while (same < name.Length && same < like.Length && name[^(same + 1)] == like[^(same + 1)])
        {
            same++;
            if (same == name.Length || same == like.Length || name[^(same + 1)] == '.' || like[^(same + 1)] == '.')
            {
                bool atPart = (same == name.Length || name[^(same + 1)] == '.') && (same == like.Length || like[^(same + 1)] == '.');
                cut = atPart ? same : cut;
            }
        }

        return new NamePrefix(name[..^cut], like[..^cut]);
    }
}
