using LayerSwap.Checkpoints;

namespace LayerSwap.Recipes;

/// <summary>One slice in the output: where it lies, and its sources without the base.</summary>
internal sealed record SliceView(RecipeSlice Slice, IReadOnlyList<RecipeSource> Sources, int FirstLayer, int Layers, LayerSelector Where);

/// <summary>The slices of a module as stacked views of the models: the first sources of all slices in one, the second in the next.</summary>
internal sealed class SliceGroup
{
    public required IReadOnlyList<SliceView> Slices { get; init; }

    /// <summary>One for each place in the list of sources.</summary>
    public required IReadOnlyList<ICheckpoint> Stacks { get; init; }

    /// <summary>The base, stacked alike; null where there is none.</summary>
    public required ICheckpoint? Base { get; init; }

    public int Width => Stacks.Count;

    /// <returns>Null where there are problems.</returns>
    public static SliceGroup? Of(RecipeModule module, ModelReference? origin, Dictionary<string, ICheckpoint> open, bool usesBase, YamlReader problems, List<string> notes)
    {
        if (Whole(module, open, problems) is not { } whole)
        {
            return null;
        }

        module = whole;
        List<SliceView> slices = [];
        List<(ICheckpoint, Range?)> origins = [];
        List<RecipeSource[]> sources = [];
        int first = 0;
        bool failed = false;
        for (int k = 0; k < module.Slices.Count; k++)
        {
            RecipeSlice slice = module.Slices[k];
            ICheckpoint? own = usesBase && (slice.Base ?? origin) is { } reference ? open[reference.Path] : null;
            RecipeSource[] others = [.. slice.Sources.Where(s => open[s.Model.Path] != own)];
            foreach (IGrouping<ICheckpoint, RecipeSource> twice in others.GroupBy(s => open[s.Model.Path]).Where(g => g.Count() > 1))
            {
                notes.Add($"{twice.Last().Place}: {Printable.Escape(twice.Last().Model.Path)} is given twice in one slice; both are used.");
            }

            foreach (RecipeSource source in slice.Sources)
            {
                failed |= !InRange(source, open[source.Model.Path], problems);
            }

            (int Start, int End)? range = slice.Sources[0].Layers;
            int layers = range is { } r ? r.End - r.Start : LayerMap.Of(open[slice.Sources[0].Model.Path]).LayerCount;
            slices.Add(new SliceView(slice, others, first, layers, Selector(module, k, first, layers)));
            sources.Add(others);
            if (own is not null)
            {
                origins.Add((own, RangeOf(slice.Sources.FirstOrDefault(s => open[s.Model.Path] == own)?.Layers ?? range)));
            }

            first += layers;
        }

        int width = sources.Max(s => s.Length);
        return failed ? null : new SliceGroup
        {
            Slices = slices,
            // A slice with fewer sources is filled up with its first, or its base; its rule does not use them.
            Stacks = [.. Enumerable.Range(0, width).Select(j => Stack([.. sources.Select((s, k) => s.Length == 0 ? origins[k] : Part(s[Math.Min(j, s.Length - 1)], open))]))],
            Base = origins.Count == 0 ? null : Stack(origins),
        };
    }

    /// <summary>
    /// A module whose layers are another stack than the main one, such as a vision tower, without its ranges, which must be all of its layers: only layers of the main stack can be taken one by one.
    /// </summary>
    /// <returns>Null where a range is another.</returns>
    private static RecipeModule? Whole(RecipeModule module, Dictionary<string, ICheckpoint> open, YamlReader problems)
    {
        bool failed = false;
        return module.Name is null ? module : module with { Slices = [.. module.Slices.Select(s => s with { Sources = [.. s.Sources.Select(Source)] })] } is var whole && failed ? null : whole;

        RecipeSource Source(RecipeSource source)
        {
            LayerMap map = LayerMap.Of(open[source.Model.Path]);
            string[] own = [.. map.Stacks.Keys.Where(s => module.Holds(s + ".0."))];
            if (source.Layers is not { } range || own.Length == 0 || own.Contains(map.MainStack))
            {
                return source;
            }

            if (module.Slices.Count > 1 || range.Start != 0 || !own.Any(s => map.Stacks[s] == range.End))
            {
                failed = true;
                problems.Add(source.Place, $"layer_range is [{range.Start}, {range.End}], but the layers of module {Printable.Escape(module.Name)} ({string.Join(", ", own.Select(s => $"{Printable.Escape(s)}: {map.Stacks[s]}"))}) are not those of the language model, "
                    + $"and can only be taken whole. Remedy: write models instead of slices, or choose the stack to be sliced (stack: {Printable.Escape(own[0])}).");
            }

            return source with { Layers = null };
        }
    }

    private static (ICheckpoint, Range?) Part(RecipeSource source, Dictionary<string, ICheckpoint> open) => (open[source.Model.Path], RangeOf(source.Layers));

    private static Range? RangeOf((int Start, int End)? layers) => layers is { } range ? range.Start..range.End : null;

    /// <summary>The view; where all layers of one model follow each other it is that model. Null stands for all of a model's layers.</summary>
    private static ICheckpoint Stack(List<(ICheckpoint Model, Range? Layers)> given)
    {
        if (given is [(ICheckpoint whole, null)])
        {
            return whole;
        }

        List<(ICheckpoint Model, Range Layers)> parts = [.. given.Select(g => (g.Model, g.Layers ?? ..LayerMap.Of(g.Model).LayerCount))];
        return parts.All(p => p.Model == parts[0].Model) && parts[0].Layers.Start.Value == 0 && parts[^1].Layers.End.Value == LayerMap.Of(parts[0].Model).LayerCount
            && Enumerable.Range(1, parts.Count - 1).All(i => parts[i].Layers.Start.Equals(parts[i - 1].Layers.End))
                ? parts[0].Model
                : LayerStack.Of(parts);
    }

    private static bool InRange(RecipeSource source, ICheckpoint model, YamlReader problems)
    {
        if (source.Layers is not { } range)
        {
            return true;
        }

        int count = LayerMap.Of(model).LayerCount;
        if (range.End <= count)
        {
            return true;
        }

        problems.Add(source.Place, $"layer_range is [{range.Start}, {range.End}], but {Printable.Escape(source.Model.Path)} has {count} layers.");
        return false;
    }

    private static LayerSelector Selector(RecipeModule module, int slice, int first, int layers)
    {
        bool lowest = slice == 0, highest = slice == module.Slices.Count - 1;
        string text = (module.Name is null ? "" : $"module {Printable.Escape(module.Name)}, ") + (module.Slices.Count == 1 ? "all layers" : $"slice {slice + 1}");
        return new LayerSelector(text, p => module.Holds(p.Name) && (p.InMainStack ? p.Layer >= first && p.Layer < first + layers
            : p.Kind == TensorKind.Embedding || p.Layer is not null ? lowest
            : highest));
    }
}
