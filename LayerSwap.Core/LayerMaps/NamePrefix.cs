namespace LayerSwap;

/// <summary>Replaces a prefix of tensor names. Programs write different ones, such as <c>module.</c> or <c>_orig_mod.</c>.</summary>
/// <param name="Old">The prefix to replace.</param>
/// <param name="New">Its replacement.</param>
public sealed partial record NamePrefix(string Old, string New)
{
    /// <summary>The keyword for <see cref="Checkpoint.WithExpertsApart"/> in a list of prefixes.</summary>
    internal const string Experts = "experts";

    private const int MaxPrefixes = 4, MaxFirstParts = 12, MaxSamples = 400, MaxCandidates = 8;

    private const string LanguageModel = "language_model.";

    /// <summary>Well-known prefixes by name.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<NamePrefix>> Known { get; } =
        new SortedDictionary<string, IReadOnlyList<NamePrefix>>(StringComparer.Ordinal)
        {
            ["ddp"] = [new("module.", "")],
            ["compiled"] = [new("_orig_mod.", "")],
            ["peft"] = [new("base_model.model.", "")],
            ["bert"] = [new("", "bert.")],
            ["roberta"] = [new("", "roberta.")],
            ["qwen2-vl"] = [new("model.", "model.language_model."), new("visual.", "model.visual.")],
            ["vlm-text"] = [new("model.", "language_model.model."), new("lm_head.", "language_model.lm_head.")],
        };

    /// <summary>Parses <c>OLD=NEW</c>, or the name of a well-known prefix.</summary>
    /// <param name="text">The text.</param>
    /// <returns>Null if the text is neither.</returns>
    public static IReadOnlyList<NamePrefix>? TryParse(string? text)
    {
        if (text is null)
        {
            return null;
        }

        int equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals >= 0 ? [new NamePrefix(text[..equals], text[(equals + 1)..])] : Known.GetValueOrDefault(text);
    }

    /// <summary>Formats the prefix as <c>OLD=NEW</c>.</summary>
    public override string ToString() => $"{Old}={New}";

    private string Apply(string name) => New + name[Old.Length..];

    private bool Corrects(string name, HashSet<string> expected) =>
        name.StartsWith(Old, StringComparison.Ordinal) && expected.Contains(Apply(name));

    /// <summary>Finds the prefix that corrects the most names.</summary>
    private static NamePrefix? FindBest(HashSet<string> expected, HashSet<string> unmatched)
    {
        ILookup<string, string> bySuffix = expected.ToLookup(LastParts, StringComparer.Ordinal);
        Dictionary<NamePrefix, int> votes = [];
        int step = Math.Max(1, unmatched.Count / MaxSamples);
        foreach (string name in unmatched.Where((_, i) => i % step == 0))
        {
            foreach (string candidate in bySuffix[LastParts(name)].Take(MaxSamples))
            {
                NamePrefix prefix = WithoutCommonSuffix(name, candidate);
                votes[prefix] = votes.GetValueOrDefault(prefix) + 1;
            }
        }

        return votes
            .OrderByDescending(v => v.Value)
            .ThenBy(v => v.Key.Old.Length + v.Key.New.Length)
            .Take(MaxCandidates)
            .Select(v => (Prefix: v.Key, Count: unmatched.Count(n => v.Key.Corrects(n, expected))))
            .Where(p => p.Count > 0)
            .OrderByDescending(p => p.Count)
            .ThenBy(p => p.Prefix.Old.Length + p.Prefix.New.Length)
            .Select(p => p.Prefix)
            .FirstOrDefault();
    }

    /// <summary>Gets the last three parts of a name.</summary>
    private static string LastParts(string name)
    {
        int dot = name.Length;
        for (int i = 0; i < 3 && dot > 0; i++)
        {
            dot = name.LastIndexOf('.', dot - 1);
        }

        return dot < 0 ? name : name[(dot + 1)..];
    }

    /// <summary>Removes the longest common suffix of whole parts from two names.</summary>
    private static NamePrefix WithoutCommonSuffix(string name, string expected)
    {
        int same = 0, cut = 0;
        while (same < name.Length && same < expected.Length && name[^(same + 1)] == expected[^(same + 1)])
        {
            same++;
            bool atPart = (same == name.Length || name[^(same + 1)] == '.')
                && (same == expected.Length || expected[^(same + 1)] == '.');
            cut = atPart ? same : cut;
        }

        return new NamePrefix(name[..^cut], expected[..^cut]);
    }
}
