using LayerSwap.Checkpoints;

namespace LayerSwap.Recipes;

/// <summary>One slice of the output: its layers, and its sources without the base.</summary>
internal sealed record SliceView(RecipeSlice Slice, IReadOnlyList<RecipeSource> Sources, int FirstLayer, int Layers,
    LayerSelector Selector);

/// <summary>The slices of a module as stacked views: the first view stacks the first sources of all slices, and so on.</summary>
internal sealed class SliceGroup
{
    public required IReadOnlyList<SliceView> Slices { get; init; }

    /// <summary>One stacked view for each position in the list of sources.</summary>
    public required IReadOnlyList<ICheckpoint> Views { get; init; }

    /// <summary>The stacked view of the base; null if there is none.</summary>
    public required ICheckpoint? Base { get; init; }

    public int Width => Views.Count;

    /// <summary>Stacks the slices of a module.</summary>
    /// <returns>Null if there are problems.</returns>
    public static SliceGroup? Of(
        RecipeModule module, ModelReference? @base, Dictionary<string, ICheckpoint> open, bool usesBase,
        YamlReader problems, List<string> notes)
    {
        if (WithoutWholeRanges(module, open, problems) is not { } whole)
        {
            return null;
        }

        module = whole;
        List<SliceView> slices = [];
        List<(ICheckpoint, Range?)> bases = [];
        List<RecipeSource[]> sources = [];
        int first = 0;
        bool failed = false;
        for (int k = 0; k < module.Slices.Count; k++)
        {
            RecipeSlice slice = module.Slices[k];
            ICheckpoint? sliceBase = usesBase && (slice.Base ?? @base) is { } reference ? open[reference.Path] : null;
            RecipeSource[] others = [.. slice.Sources.Where(s => open[s.Model.Path] != sliceBase)];
            foreach (IGrouping<ICheckpoint, RecipeSource> twice in others.GroupBy(s => open[s.Model.Path]).Where(g => g.Count() > 1))
            {
                RecipeSource second = twice.Last();
                notes.Add($"{second.Position}: {Printable.Escape(second.Model.Path)} is given twice in one slice; both are used.");
            }

            foreach (RecipeSource source in slice.Sources)
            {
                failed |= !InRange(source, open[source.Model.Path], problems);
            }

            (int Start, int End)? range = slice.Sources[0].Layers;
            int layers = range is { } r ? r.End - r.Start : LayerMap.Of(open[slice.Sources[0].Model.Path]).LayerCount;
            slices.Add(new SliceView(slice, others, first, layers, Selector(module, k, first, layers)));
            sources.Add(others);
            if (sliceBase is not null)
            {
                bases.Add((sliceBase, RangeOf(slice.Sources.FirstOrDefault(s => open[s.Model.Path] == sliceBase)?.Layers ?? range)));
            }

            first += layers;
        }

        if (failed)
        {
            return null;
        }

        int width = sources.Max(s => s.Length);
        return new SliceGroup
        {
            Slices = slices,
            Views = [.. Enumerable.Range(0, width).Select(j => Stack([.. sources.Select((_, k) => PartAt(k, j))]))],
            Base = bases.Count == 0 ? null : Stack(bases),
        };

        // A slice with fewer sources is padded with its last source, or its base; its rule does not use them.
        (ICheckpoint, Range?) PartAt(int slice, int position)
        {
            RecipeSource[] given = sources[slice];
            return given.Length == 0 ? bases[slice] : Part(given[Math.Min(position, given.Length - 1)], open);
        }
    }

    /// <summary>
    /// Removes the layer ranges of a module outside the main stack, such as a vision tower. They must cover all of its layers, since only
    /// layers of the main stack can be sliced.
    /// </summary>
    /// <returns>Null if a range does not cover all layers.</returns>
    private static RecipeModule? WithoutWholeRanges(RecipeModule module, Dictionary<string, ICheckpoint> open, YamlReader problems)
    {
        if (module.Name is null)
        {
            return module;
        }

        bool failed = false;
        RecipeModule whole = module with { Slices = [.. module.Slices.Select(s => s with { Sources = [.. s.Sources.Select(Source)] })] };
        return failed ? null : whole;

        RecipeSource Source(RecipeSource source)
        {
            LayerMap map = LayerMap.Of(open[source.Model.Path]);
            string[] stacks = [.. map.Stacks.Keys.Where(s => module.Contains(s + ".0."))];
            if (source.Layers is not { } range || stacks.Length == 0 || stacks.Contains(map.MainStack))
            {
                return source;
            }

            if (module.Slices.Count > 1 || range.Start != 0 || !stacks.Any(s => map.Stacks[s] == range.End))
            {
                failed = true;
                string lengths = string.Join(", ", stacks.Select(s => $"{Printable.Escape(s)}: {map.Stacks[s]}"));
                problems.Add(source.Position, $"layer_range is [{range.Start}, {range.End}], "
                    + $"but the layers of module {Printable.Escape(module.Name)} ({lengths}) are not those of the language model, "
                    + "and can only be taken whole. "
                    + $"Remedy: write models instead of slices, or choose the stack to be sliced (stack: {Printable.Escape(stacks[0])}).");
            }

            return source with { Layers = null };
        }
    }

    private static (ICheckpoint, Range?) Part(RecipeSource source, Dictionary<string, ICheckpoint> open) =>
        (open[source.Model.Path], RangeOf(source.Layers));

    private static Range? RangeOf((int Start, int End)? layers) => layers is { } range ? range.Start..range.End : null;

    /// <summary>Stacks ranges of layers; null means all. If they are all layers of one model in order, returns that model.</summary>
    private static ICheckpoint Stack(List<(ICheckpoint Model, Range? Layers)> given)
    {
        if (given is [(ICheckpoint whole, null)])
        {
            return whole;
        }

        List<(ICheckpoint Model, Range Layers)> parts = [.. given.Select(g => (g.Model, g.Layers ?? ..LayerMap.Of(g.Model).LayerCount))];
        ICheckpoint first = parts[0].Model;
        bool isWhole = parts.All(p => p.Model == first)
            && parts[0].Layers.Start.Value == 0 && parts[^1].Layers.End.Value == LayerMap.Of(first).LayerCount
            && Enumerable.Range(1, parts.Count - 1).All(i => parts[i].Layers.Start.Equals(parts[i - 1].Layers.End));
        return isWhole ? first : LayerStack.Create(parts);
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

        problems.Add(source.Position,
            $"layer_range is [{range.Start}, {range.End}], but {Printable.Escape(source.Model.Path)} has {count} layers.");
        return false;
    }

    private static LayerSelector Selector(RecipeModule module, int slice, int first, int layers)
    {
        bool lowest = slice == 0, highest = slice == module.Slices.Count - 1;
        string text = (module.Name is null ? "" : $"module {Printable.Escape(module.Name)}, ")
            + (module.Slices.Count == 1 ? "all layers" : $"slice {slice + 1}");
        return new LayerSelector(text, p => module.Contains(p.Name) && IsInSlice(p));

        bool IsInSlice(TensorPlace place)
        {
            if (place.InMainStack)
            {
                return place.Layer >= first && place.Layer < first + layers;
            }

            return place.Kind == TensorKind.Embedding || place.Layer is not null ? lowest : highest;
        }
    }
}
