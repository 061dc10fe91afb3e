using System.Runtime.CompilerServices;
using LayerSwap.LayerMaps;

namespace LayerSwap;

/// <summary>
/// The layers of a model, told from its tensors' names alone, with no table of architectures. A stack is a part of the names that is
/// followed by a layer number: one that is called so (<c>layers</c>, <c>h</c>, <c>block</c>, ...), or one whose numbers run from 0
/// without a gap over like-named tensors. Experts are not layers.
/// </summary>
public sealed class LayerMap
{
    /// <summary>Maps of checkpoints that are open: several parts of a plan ask for the same.</summary>
    private static readonly ConditionalWeakTable<ICheckpoint, LayerMap> Known = [];

    private readonly Dictionary<string, TensorPlace> _places;

    private LayerMap(Dictionary<string, TensorPlace> places, IReadOnlyDictionary<string, int> stacks, string? main)
    {
        _places = places;
        Stacks = stacks;
        MainStack = main;
    }

    /// <summary>Every stack by name with its number of layers.</summary>
    public IReadOnlyDictionary<string, int> Stacks { get; }

    /// <summary>The stack that selectors and layer swapping count in: the language model's where names say so, else the one with the most elements. Null without layers.</summary>
    public string? MainStack { get; }

    /// <summary>The number of layers of the main stack; 0 without layers.</summary>
    public int LayerCount => MainStack is null ? 0 : Stacks[MainStack];

    /// <summary>The layers of a stack that no tensor belongs to, below the highest.</summary>
    internal IReadOnlyList<int> MissingLayers(string stack)
    {
        HashSet<int> found = [.. _places.Values.Where(p => p.Stack == stack).Select(p => p.Layer!.Value)];
        return [.. Enumerable.Range(0, Stacks[stack]).Where(l => !found.Contains(l)).Take(100)];
    }

    internal IEnumerable<TensorPlace> Places => _places.Values;

    /// <summary>The place of a tensor.</summary>
    /// <exception cref="KeyNotFoundException">The map was made without a tensor of this name.</exception>
    public TensorPlace this[string name] => _places[name];

    /// <summary>Makes the map of these tensors.</summary>
    /// <param name="tensors">All tensors of a model, or of several that are to be merged; names may repeat.</param>
    public static LayerMap Of(IEnumerable<TensorInfo> tensors) => Of(tensors, null, null);

    /// <summary>
    /// Makes the map of a checkpoint. Its config.json tells layers that predict further tokens (MTP), which are numbered after the model's own, from those; one that cannot be read tells nothing, and is
    /// named when a merge is planned.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    public static LayerMap Of(ICheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return Known.GetValue(checkpoint, c => Of(c.Tensors, OwnLayers(c), ChosenStack(c)));
    }

    private static string? ChosenStack(ICheckpoint checkpoint) => (checkpoint as Checkpoints.ICheckpointView)?.MainStack;

    private static long? OwnLayers(ICheckpoint checkpoint)
    {
        if (ChosenStack(checkpoint) is not null)
        {
            return null;
        }

        try
        {
            return Checkpoints.ModelConfig.TryRead(checkpoint) is { Layers: { } layers } config && (config.ExtraLayers > 0 || HasFurtherTokenLayer(checkpoint, layers)) ? layers : null;
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    /// <summary>Whether the layer after the last that the configuration counts is one that predicts further tokens, by the names of its parts (DeepSeek-V3, GLM-4.5).</summary>
    private static bool HasFurtherTokenLayer(ICheckpoint checkpoint, long layers)
    {
        string number = string.Create(System.Globalization.CultureInfo.InvariantCulture, $".{layers}.");
        return checkpoint.Tensors.Any(t => (t.Name.EndsWith("eh_proj.weight", StringComparison.Ordinal) || t.Name.EndsWith("enorm.weight", StringComparison.Ordinal)) && t.Name.Contains(number, StringComparison.Ordinal));
    }

    /// <param name="tensors">All tensors.</param>
    /// <param name="layers">The number of layers of the main stack, if there are more that are none; null for all that there are.</param>
    /// <param name="chosen">The main stack, if it was chosen.</param>
    private static LayerMap Of(IEnumerable<TensorInfo> tensors, long? layers, string? chosen)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        LayerMaps.NamePool pool = new();
        Dictionary<string, Named> names = new(tensors.TryGetNonEnumeratedCount(out int known) ? known : 0, StringComparer.Ordinal);
        foreach (TensorInfo tensor in tensors)
        {
            names.TryAdd(tensor.Name, new Named(LayerMaps.TensorName.Parse(tensor.Name, pool), tensor.ElementCount));
        }

        Dictionary<string, long> sizes = new(StringComparer.Ordinal);
        Dictionary<string, int> stacks = new(StringComparer.Ordinal);
        foreach (IGrouping<string, Named> group in names.Values.Where(n => n.Parts.Stack is not null).GroupBy(n => n.Parts.Stack!, StringComparer.Ordinal))
        {
            if (LayerMaps.StackClassifier.PredictsFurtherTokens(group.Key))
            {
                continue;
            }

            if (group.First().Parts.IsKnownStack || LooksLikeLayers([.. group.Select(n => n.Parts)]))
            {
                stacks.Add(group.Key, group.Max(n => n.Parts.Layer) + 1);
                sizes.Add(group.Key, group.Sum(n => n.Elements));
            }
        }

        string? main = stacks.Keys.OrderByDescending(s => s == chosen).ThenByDescending(LayerMaps.StackClassifier.Rank).ThenByDescending(LayerMaps.StackClassifier.IsDecoder).ThenByDescending(s => sizes[s]).ThenBy(s => s, StringComparer.Ordinal).FirstOrDefault();
        if (main is not null && layers < stacks[main])
        {
            stacks[main] = (int)layers.Value;
        }

        bool hasLanguage = main is not null && !LayerMaps.StackClassifier.IsSense(main);
        Dictionary<string, TensorPlace> places = new(names.Count, StringComparer.Ordinal);
        Dictionary<string, TensorKind> kinds = new(StringComparer.Ordinal);
        foreach ((string name, Named named) in names)
        {
            LayerMaps.TensorName parts = named.Parts;
            bool inLayer = parts.Stack is not null && stacks.TryGetValue(parts.Stack, out int count) && parts.Layer < count;
            // A layer that predicts further tokens stands behind the head, and goes with it.
            if (!inLayer && parts.Stack is not null && parts.Stack == main)
            {
                places.Add(name, new TensorPlace { Name = name, LayerCount = stacks[main], InMainStack = false, Component = LayerMaps.TensorKindClassifier.WithoutWeight(name), Kind = TensorKind.Head });
                continue;
            }

            // Layers have the same few components.
            if (!inLayer || !kinds.TryGetValue(parts.Component, out TensorKind kind))
            {
                kind = LayerMaps.TensorKindClassifier.Name(inLayer ? parts.Component : name, inLayer);
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
                Component = inLayer ? parts.Component : LayerMaps.TensorKindClassifier.WithoutWeight(name),
                Kind = kind,
                InTower = hasLanguage && LayerMaps.StackClassifier.IsSense(name),
            });
        }

        return new LayerMap(places, stacks, main);
    }

    /// <summary>The map of a checkpoint that another was made of tensor by tensor, known before it is asked for.</summary>
    internal static void Share(LayerMap map, ICheckpoint checkpoint)
    {
        if (map._places.Count == checkpoint.Tensors.Count)
        {
            Known.TryAdd(checkpoint, map);
        }
    }

    /// <summary>The map of several checkpoints that are to be merged; where the others have no other names it is the first's.</summary>
    internal static LayerMap OfAll(IReadOnlyList<ICheckpoint> checkpoints) => checkpoints.Skip(1).All(c => c.Tensors.All(t => checkpoints[0].Find(t.Name) is not null))
        ? Of(checkpoints[0])
        : Of(checkpoints.SelectMany(c => c.Tensors), checkpoints.Select(c => (long?)Of(c).LayerCount).Distinct().ToArray() is [var one] && one > 0 ? one : null, checkpoints.Select(ChosenStack).FirstOrDefault(s => s is not null));

    /// <summary>Numbers from 0 without a gap, two at least, and every one with the same components: not the parts of a sequence.</summary>
    private static bool LooksLikeLayers(LayerMaps.TensorName[] parts)
    {
        string[][] layers = [.. parts.GroupBy(p => p.Layer).OrderBy(g => g.Key).Select(g => g.Select(p => p.Component).Order(StringComparer.Ordinal).ToArray())];
        return layers.Length >= 2
            && parts.Max(p => p.Layer) == layers.Length - 1
            && layers[0].Length >= 2
            && layers.All(l => l.SequenceEqual(layers[0], StringComparer.Ordinal));
    }

    private sealed record Named(LayerMaps.TensorName Parts, long Elements);
}
