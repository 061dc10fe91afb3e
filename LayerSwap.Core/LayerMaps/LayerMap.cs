using LayerSwap.LayerMaps;

namespace LayerSwap;

/// <summary>
/// The layers of a model, found from tensor names alone, without a table of architectures. A stack is a name prefix before a layer
/// number: a well-known one (<c>layers</c>, <c>h</c>, <c>block</c>, ...), or one whose numbers run from 0 without a gap, with the same
/// components in every layer. Experts are not layers.
/// </summary>
public sealed partial class LayerMap
{
    private readonly Dictionary<string, TensorPlace> _places;

    private LayerMap(Dictionary<string, TensorPlace> places, IReadOnlyDictionary<string, int> stacks, string? main)
    {
        _places = places;
        Stacks = stacks;
        MainStack = main;
    }

    /// <summary>The number of layers of every stack, by stack name.</summary>
    public IReadOnlyDictionary<string, int> Stacks { get; }

    /// <summary>
    /// The stack that selectors and layer swapping use: the language model's if names identify it, else the one with the most elements.
    /// Null without layers.
    /// </summary>
    public string? MainStack { get; }

    /// <summary>The number of layers of the main stack; 0 without layers.</summary>
    public int LayerCount => MainStack is null ? 0 : Stacks[MainStack];

    /// <summary>Lists the layers of a stack that have no tensor, at most 100.</summary>
    internal IReadOnlyList<int> FindMissingLayers(string stack)
    {
        HashSet<int> found = [.. _places.Values.Where(p => p.Stack == stack).Select(p => p.Layer!.Value)];
        return [.. Enumerable.Range(0, Stacks[stack]).Where(l => !found.Contains(l)).Take(100)];
    }

    internal IEnumerable<TensorPlace> Places => _places.Values;

    /// <summary>Gets the place of a tensor.</summary>
    /// <exception cref="KeyNotFoundException">The map has no tensor with this name.</exception>
    public TensorPlace this[string name] => _places[name];

    /// <summary>Creates the map of a set of tensors.</summary>
    /// <param name="tensors">All tensors of one model, or of several models to merge. Names may repeat.</param>
    public static LayerMap Of(IEnumerable<TensorInfo> tensors) => Of(tensors, null, null);

    /// <param name="tensors">All tensors.</param>
    /// <param name="layers">The number of layers of the main stack, without MTP layers; null if all of them count.</param>
    /// <param name="chosen">The main stack, or null to find it.</param>
    private static LayerMap Of(IEnumerable<TensorInfo> tensors, long? layers, string? chosen)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        NamePool pool = new();
        Dictionary<string, Named> names = new(tensors.TryGetNonEnumeratedCount(out int capacity) ? capacity : 0, StringComparer.Ordinal);
        foreach (TensorInfo tensor in tensors)
        {
            names.TryAdd(tensor.Name, new Named(TensorName.Parse(tensor.Name, pool), tensor.ElementCount));
        }

        Dictionary<string, long> sizes = new(StringComparer.Ordinal);
        Dictionary<string, int> stacks = new(StringComparer.Ordinal);
        foreach (IGrouping<string, Named> group in names.Values
            .Where(n => n.Parts.Stack is not null)
            .GroupBy(n => n.Parts.Stack!, StringComparer.Ordinal))
        {
            if (StackClassifier.IsMtp(group.Key))
            {
                continue;
            }

            if (group.First().Parts.IsKnownStack || LooksLikeLayers([.. group.Select(n => n.Parts)]))
            {
                stacks.Add(group.Key, group.Max(n => n.Parts.Layer) + 1);
                sizes.Add(group.Key, group.Sum(n => n.Elements));
            }
        }

        string? main = stacks.Keys
            .OrderByDescending(s => s == chosen)
            .ThenByDescending(StackClassifier.Rank)
            .ThenByDescending(StackClassifier.IsDecoder)
            .ThenByDescending(s => sizes[s])
            .ThenBy(s => s, StringComparer.Ordinal)
            .FirstOrDefault();
        if (main is not null && layers < stacks[main])
        {
            stacks[main] = (int)layers.Value;
        }

        bool hasLanguage = main is not null && !StackClassifier.IsVisionOrAudio(main);
        Dictionary<string, TensorPlace> places = new(names.Count, StringComparer.Ordinal);
        Dictionary<string, TensorKind> kinds = new(StringComparer.Ordinal);
        foreach ((string name, Named named) in names)
        {
            TensorName parts = named.Parts;
            bool inLayer = parts.Stack is not null && stacks.TryGetValue(parts.Stack, out int count) && parts.Layer < count;
            // An MTP layer follows the head and counts as a part of it.
            if (!inLayer && parts.Stack is not null && parts.Stack == main)
            {
                places.Add(name, new TensorPlace
                {
                    Name = name,
                    LayerCount = stacks[main],
                    InMainStack = false,
                    Component = TensorKindClassifier.WithoutWeight(name),
                    Kind = TensorKind.Head,
                });
                continue;
            }

            // All layers have the same few components.
            if (!inLayer || !kinds.TryGetValue(parts.Component, out TensorKind kind))
            {
                kind = TensorKindClassifier.Classify(inLayer ? parts.Component : name, inLayer);
                if (inLayer)
                {
                    kinds.Add(parts.Component, kind);
                }
            }

            places.Add(name, new TensorPlace
            {
                Name = name,
                Stack = inLayer ? parts.Stack : null,
                Layer = inLayer ? parts.Layer : null,
                LayerCount = inLayer ? stacks[parts.Stack!] : main is null ? 0 : stacks[main],
                InMainStack = inLayer && parts.Stack == main,
                Component = inLayer ? parts.Component : TensorKindClassifier.WithoutWeight(name),
                Kind = kind,
                InTower = hasLanguage && StackClassifier.IsVisionOrAudio(name),
            });
        }

        return new LayerMap(places, stacks, main);
    }

    /// <summary>Whether two or more numbers run from 0 without a gap, with the same components. Modules of a sequence differ.</summary>
    private static bool LooksLikeLayers(TensorName[] parts)
    {
        string[][] layers = [.. parts
            .GroupBy(p => p.Layer)
            .OrderBy(g => g.Key)
            .Select(g => g.Select(p => p.Component).Order(StringComparer.Ordinal).ToArray())];
        return layers.Length >= 2
            && parts.Max(p => p.Layer) == layers.Length - 1
            && layers[0].Length >= 2
            && layers.All(l => l.SequenceEqual(layers[0], StringComparer.Ordinal));
    }

    private sealed record Named(TensorName Parts, long Elements);
}
