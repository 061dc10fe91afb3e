namespace LayerSwap.Checkpoints.PyTorch;

/// <summary>The dictionary of a PyTorch file that is the model.</summary>
internal sealed record StateDict
{
    /// <summary>Keys under which training programs keep the model's dictionary.</summary>
    private static readonly string[] KnownKeys = ["state_dict", "model_state_dict", "module", "model"];

    /// <summary>The key of the dictionary; empty for the top level.</summary>
    public required string Key { get; init; }

    public required IReadOnlyList<KeyValuePair<string, TorchTensor>> Tensors { get; init; }

    /// <summary>Names of entries that are no tensors; they are left out.</summary>
    public required IReadOnlyList<string> LeftOut { get; init; }

    /// <summary>
    /// Finds the model. A candidate is a dictionary with texts as keys and at least one tensor: the top level, or one of its values.
    /// One candidate under a known key is taken, or the top level if it is the only one; all else is ambiguous.
    /// </summary>
    /// <param name="top">The file's object.</param>
    /// <param name="key">The key of the dictionary, with dots between levels; null to find it.</param>
    /// <param name="error">Creates errors.</param>
    public static StateDict Find(object? top, string? key, PyTorchThrow error)
    {
        if (top is not PickleDictionary dictionary)
        {
            throw error.Content($"it holds {Describe(top)}, not a dictionary of tensors.");
        }

        List<string> candidates = ListCandidates(dictionary);
        if (key is not null)
        {
            return Create(key, FindKey(dictionary, key) ?? throw error.NoKey(key, candidates), error);
        }

        string[] nested = [.. candidates.Where(k => k.Length > 0)];
        // A known key counts only if no other value is a candidate. Loose scalars beside it, such as the loss, do not count.
        if (nested is [{ } only] && KnownKeys.Contains(only, StringComparer.Ordinal) && !HasTensor(dictionary, minRank: 1))
        {
            return Create(only, FindKey(dictionary, only)!, error);
        }

        if (candidates is [""])
        {
            return Create("", dictionary, error);
        }

        if (candidates.Count > 0)
        {
            throw error.Ambiguous(candidates);
        }

        string[] deeper = [.. ListDeeper(dictionary)];
        throw deeper.Length > 0
            ? error.Ambiguous(deeper)
            : error.Content(IsOptimizer(dictionary)
                ? "it holds the state of an optimizer, and no model."
                : "it holds a dictionary without tensors.");
    }

    private static StateDict Create(string key, PickleDictionary dictionary, PyTorchThrow error)
    {
        List<KeyValuePair<string, TorchTensor>> tensors = [];
        List<string> leftOut = [];
        foreach ((object? name, object? value) in dictionary.Items)
        {
            if (name is not string text)
            {
                throw error.Content($"it has a tensor named by {Describe(name)}; names must be texts.");
            }

            if (value is TorchTensor tensor)
            {
                tensors.Add(new(text, tensor));
            }
            else
            {
                leftOut.Add(text);
            }
        }

        return new StateDict { Key = key, Tensors = tensors, LeftOut = leftOut };
    }

    private static bool HasTensor(PickleDictionary dictionary, int minRank) =>
        dictionary.Items.Any(i => i.Value is TorchTensor tensor && tensor.Sizes.Length >= minRank);

    private static bool IsCandidate(object? value) => value is PickleDictionary dictionary && HasTensor(dictionary, minRank: 0);

    /// <summary>Lists the keys of all candidates; the top level is the empty key.</summary>
    private static List<string> ListCandidates(PickleDictionary top) =>
    [
        .. HasTensor(top, minRank: 0) ? [""] : (string[])[],
        .. top.Items.Where(i => i.Key is string && IsCandidate(i.Value)).Select(i => (string)i.Key!),
    ];

    private static IEnumerable<string> ListDeeper(PickleDictionary top) =>
        from outer in top.Items
        where outer.Key is string && outer.Value is PickleDictionary && !IsOptimizer((PickleDictionary)outer.Value!)
        from inner in ((PickleDictionary)outer.Value!).Items
        where inner.Key is string && IsCandidate(inner.Value)
        select $"{outer.Key}.{inner.Key}";

    /// <summary>An optimizer's state: numbers to dictionaries, and groups of parameters.</summary>
    private static bool IsOptimizer(PickleDictionary dictionary) =>
        dictionary.Items.Any(i => i.Key is "param_groups") && dictionary.Items.Any(i => i.Key is "state");

    /// <summary>Finds a dictionary by its key. A key with dots is tried as one key first, then level by level.</summary>
    private static PickleDictionary? FindKey(PickleDictionary dictionary, string key)
    {
        if (key.Length == 0)
        {
            return IsCandidate(dictionary) ? dictionary : null;
        }

        if (Get(key) is { } direct)
        {
            return IsCandidate(direct) ? direct : null;
        }

        int dot = key.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && Get(key[..dot]) is { } inner ? FindKey(inner, key[(dot + 1)..]) : null;

        PickleDictionary? Get(string name) =>
            dictionary.Items.FirstOrDefault(i => i.Key is string text && text == name).Value as PickleDictionary;
    }

    private static string Describe(object? value) => value switch
    {
        null => "nothing",
        string => "a text",
        long or double or bool => "a number",
        TorchTensor => "a single tensor",
        TorchStorage => "a storage",
        PickleSequence { IsTuple: true } => "a tuple",
        PickleSequence => "a list",
        PickleInert inert => inert.Description,
        _ => "something else",
    };
}
