using LayerSwap.Common;
using LayerSwap.LayerMaps;
using LayerSwap.Merging;

namespace LayerSwap.Recipes;

/// <summary>Checks a document against its models and makes the builder calls.</summary>
internal sealed class RecipeBinder(RecipeDocument recipe, ModelFinder models, YamlReader problems, List<string> notes)
{
    /// <summary>Builds the merge of the document.</summary>
    /// <returns>Null if there are problems.</returns>
    public MergeBuilder? Bind()
    {
        Dictionary<string, ICheckpoint> open = new(StringComparer.Ordinal);
        // One view of each model: sources are compared by reference.
        Dictionary<ICheckpoint, ICheckpoint> views = [];
        foreach (ModelReference reference in recipe.References)
        {
            if (models.Find(reference) is { } checkpoint)
            {
                if (!views.TryGetValue(checkpoint, out ICheckpoint? view))
                {
                    view = (recipe.SplitsExperts ? checkpoint.WithExpertsApart() : checkpoint).Renamed(recipe.NamePrefixes);
                    views.Add(checkpoint, view = recipe.Stack is { } stack ? view.WithMainStack(stack) : view);
                }

                open[reference.Path] = view;
            }
        }

        if (open.Count < recipe.References.Count())
        {
            return null;
        }

        TokenizerMerge? tokenizer = null;
        if (recipe.Tokenizer is { } request)
        {
            tokenizer = Remap(request, open);
            if (tokenizer is null)
            {
                return null;
            }
        }

        MergeBuilder? builder = BindMethod(MergeMethods.Find(recipe.Method), open);
        if (builder is not null && tokenizer is not null)
        {
            builder = builder.TokenizerFrom(tokenizer.TokenizerSource, tokenizer.Files);
        }

        return builder is null ? null : Finish(builder.WrittenAt(problems.FormatPosition(recipe.MethodPosition)), open, tokenizer);
    }

    /// <summary>Replaces the models by views with the rows of one vocabulary, except models that already have it.</summary>
    private TokenizerMerge? Remap(TokenizerRequest request, Dictionary<string, ICheckpoint> open)
    {
        ICheckpoint[] all = [.. recipe.References.Select(r => open[r.Path]).Distinct()];
        TokenizerMerge? merge = TokenizerMerge.Create(request, all, BaseOf(open), r => open[r.Path], problems);
        if (merge is null)
        {
            return null;
        }

        Dictionary<ICheckpoint, ICheckpoint?> views = all.ToDictionary(m => m, merge.CreateView);
        if (views.Values.Any(v => v is null))
        {
            return null;
        }

        foreach (string path in open.Keys.ToList())
        {
            open[path] = views[open[path]]!;
        }

        return merge;
    }

    private MergeBuilder? BindMethod(MergeMethod method, Dictionary<string, ICheckpoint> open)
    {
        bool usesBase = method.UsesBase;
        ICheckpoint? @base = BaseOf(open);
        bool slicesHaveBases = recipe.Modules.SelectMany(m => m.Slices).All(s => s.Base is not null);
        if (method.NeedsBase && @base is null && !slicesHaveBases)
        {
            problems.Add(recipe.MethodPosition, $"{method.Name} needs base_model, the model the others were fine-tuned from.");
            return null;
        }

        if (method.IsWholeModel && !IsPair(open))
        {
            problems.Add(recipe.MethodPosition,
                $"{method.Name} takes two models under models, the task expert first and the language expert second.");
            return null;
        }

        if (method.Name == ShareSwap.Descriptor.Name)
        {
            notes.Add($"{method.Name} compares the models with their base before planning: layers are chosen by their deltas.");
        }

        ParameterBinder parameters = new(recipe, method, problems, notes);
        parameters.Check();
        List<RecipeModule> modules = [.. Modules(open).Select(m => WithBase(m, method, parameters, open))];
        List<SliceGroup> groups =
            [.. modules.Select(m => SliceGroup.Of(m, recipe.Base, open, usesBase, problems, notes)).OfType<SliceGroup>()];
        if (groups.Count < modules.Count)
        {
            return null;
        }

        ICheckpoint? mergeBase = usesBase ? groups[0].Base ?? @base : null;
        ICheckpoint? configSource = method.IsWholeModel && !method.NeedsBase ? groups[0].Views[0] : mergeBase ?? @base;
        MergeBuilder builder = new(mergeBase, MergeStrategies.Keep, donor: configSource);
        int first = 0;
        List<(SliceGroup Group, RecipeModule Module, int First)> placed = [];
        foreach ((SliceGroup group, RecipeModule module) in groups.Zip(modules))
        {
            builder = AddSources(builder, parameters, group, module);
            placed.Add((group, module, first));
            first += group.Width;
        }

        // The last matching rule wins: the module without a name, which has all tensors, comes first.
        foreach ((SliceGroup group, RecipeModule module, int start) in placed.OrderBy(p => p.Module.Name is not null))
        {
            for (int k = 0; k < group.Slices.Count; k++)
            {
                SliceView slice = group.Slices[k];
                if (parameters.Strategy(slice, module) is not { } strategy)
                {
                    continue;
                }

                // A single slice of a module without a name is the whole merge.
                int[] sources = [.. Enumerable.Range(start, slice.Sources.Count)];
                bool all = groups.Count == 1 && group.Slices.Count == 1 && module.Name is null;
                builder = all
                    ? builder.Using(strategy)
                    : builder.For(slice.Selector, strategy, sources).WrittenAt(problems.FormatPosition(slice.Slice.Position));

                // The first matching filter wins, but the last matching rule: hence the reverse order.
                IReadOnlyList<SettingValue> values = parameters.Filtered(slice, module)?.Values ?? [];
                foreach (SettingValue value in values.Where(v => v.Filter is not null).Reverse())
                {
                    if (parameters.Strategy(slice, module, value) is { } filtered)
                    {
                        LayerSelector selector = slice.Selector & SelectorParser.Containing(value.Filter!);
                        builder = builder.For(selector, filtered, sources).WrittenAt(problems.FormatPosition(value.Position));
                    }
                }
            }
        }

        return builder;
    }

    private ICheckpoint? BaseOf(Dictionary<string, ICheckpoint> open) => recipe.Base is { } reference ? open[reference.Path] : null;

    /// <summary>
    /// Adds the base to the sources of an average, as mergekit does, if it is not among them and the module or the recipe gives a weight.
    /// </summary>
    private RecipeModule WithBase(RecipeModule module, MergeMethod method, ParameterBinder parameters, Dictionary<string, ICheckpoint> open)
    {
        bool addsBase = method.Name == "linear" && recipe.Base is { } reference && module.Slices.Count == 1
            && module.Slices[0].Sources.All(s => s.Layers is null && open[s.Model.Path] != open[reference.Path])
            && parameters.HasWeight(module);
        if (!addsBase)
        {
            return module;
        }

        RecipeSlice slice = module.Slices[0];
        RecipeSource source = new(recipe.Base!, null, [], recipe.Base!.Position);
        return module with { Slices = [slice with { Sources = [.. slice.Sources, source] }] };
    }

    /// <summary>Finds the tensors of modules. A module without tensors is an error; a filter that matches no tensor is noted.</summary>
    private List<RecipeModule> Modules(Dictionary<string, ICheckpoint> open)
    {
        string[] names = [.. open.Values.Distinct().SelectMany(c => c.Tensors).Select(t => t.Name).Distinct(StringComparer.Ordinal)];
        string[] modules =
            [.. names.Where(n => n.Contains('.', StringComparison.Ordinal)).SelectMany(Prefixes).Distinct(StringComparer.Ordinal)];
        List<RecipeModule> found = [];
        foreach (RecipeModule module in recipe.Modules)
        {
            Func<string, bool>? contains = module.Name is null ? _ => true : ModuleNames.Find(module.Name, names);
            found.Add(module with { Contains = contains ?? module.Contains });
            if (contains is null)
            {
                string nearest = ClosestMatch.Find(module.Name!, modules.Length > 0 ? modules : names);
                problems.Add(module.Position, $"no tensor belongs to module {Printable.Escape(module.Name!)}; "
                    + $"nearest is {Printable.Escape(nearest)}. Remedy: name a beginning of tensors' names, such as it.");
            }
        }

        RecipeSlice[] slices = [.. recipe.Modules.SelectMany(m => m.Slices)];
        IEnumerable<Settings> levels =
        [
            recipe.Parameters, .. recipe.Modules.Select(m => m.Parameters), .. slices.Select(s => s.Parameters),
            .. slices.SelectMany(s => s.Sources).Select(s => s.Parameters),
        ];
        IEnumerable<SettingValue> unmatched = levels.SelectMany(l => l.Values).SelectMany(s => s.Values)
            .Where(v => v.Filter is not null && !names.Any(n => n.Contains(v.Filter, StringComparison.Ordinal)))
            .DistinctBy(v => v.Filter, StringComparer.Ordinal);
        foreach (SettingValue value in unmatched)
        {
            string[] parts = [.. names.SelectMany(n => n.Split('.')).Distinct(StringComparer.Ordinal)];
            notes.Add($"{value.Position}: no tensor's name contains the filter {Printable.Escape(value.Filter!)}; it changes nothing. "
                + $"Nearest is {Printable.Escape(ClosestMatch.Find(value.Filter!, parts))}.");
        }

        return found;
    }

    /// <summary>Lists the first two prefixes of a name that end before a dot.</summary>
    private static IEnumerable<string> Prefixes(string name)
    {
        int first = name.IndexOf('.', StringComparison.Ordinal), second = name.IndexOf('.', first + 1);
        yield return name[..first];
        if (second > 0)
        {
            yield return name[..second];
        }
    }

    private static MergeBuilder AddSources(MergeBuilder builder, ParameterBinder parameters, SliceGroup group, RecipeModule module)
    {
        for (int j = 0; j < group.Width; j++)
        {
            Schedule? weight = null;
            foreach (SliceView slice in group.Slices.Where(s => j < s.Sources.Count))
            {
                Schedule sliceWeight = parameters.WeightOf(slice.Sources[j], slice, module);
                weight = weight?.Where(slice.Selector, sliceWeight) ?? sliceWeight;
            }

            builder = builder.With(group.Views[j], weight);
        }

        return builder;
    }

    /// <summary>Checks whether the recipe has exactly two models besides the base, with all layers and without modules.</summary>
    private bool IsPair(Dictionary<string, ICheckpoint> open)
    {
        ICheckpoint? @base = BaseOf(open);
        RecipeSource[] sources =
            [.. recipe.Modules.SelectMany(m => m.Slices).SelectMany(s => s.Sources).Where(s => open[s.Model.Path] != @base)];
        return sources.Length == 2 && recipe.Modules is [{ Name: null, Slices.Count: 1 }] && sources.All(s => s.Layers is null);
    }

    private MergeBuilder? Finish(MergeBuilder builder, Dictionary<string, ICheckpoint> open, TokenizerMerge? tokenizer)
    {
        int[] sources = [.. Enumerable.Range(0, builder.SourceCount)];
        foreach (RecipeRule rule in recipe.Rules)
        {
            if (rule.Source is { } source)
            {
                builder = builder.Swap(rule.Selector, open[source.Path]);
            }
            else
            {
                ParameterBinder parameters = new(recipe, MergeMethods.Find(rule.Method), problems, notes);
                if (parameters.Strategy(rule) is { } strategy)
                {
                    builder = builder.For(rule.Selector, strategy, sources);
                }
            }

            builder = builder.WrittenAt(problems.FormatPosition(rule.Position));
        }

        builder = ChatTemplate(builder, open, tokenizer);
        if (recipe.DType is { } dtype)
        {
            builder = builder.As(dtype);
        }

        return builder.Vocabulary(recipe.Vocabulary);
    }

    /// <summary>Adds the files of the chat template: a text, a built-in one, or with <c>auto</c> the most frequent of the models.</summary>
    private MergeBuilder ChatTemplate(MergeBuilder builder, Dictionary<string, ICheckpoint> open, TokenizerMerge? tokenizer)
    {
        string? template = recipe.ChatTemplate switch
        {
            null => null,
            "auto" => MostFrequent(),
            string text when text.Contains('{', StringComparison.Ordinal) => text,
            string name when Recipes.ChatTemplate.BuiltIn.TryGetValue(name, out string? known) => known,
            string name => Unknown(name),
        };
        if (template is not null)
        {
            ICheckpoint configSource = tokenizer?.TokenizerSource ?? builder.ConfigSource!;
            foreach ((string name, byte[] bytes) in Recipes.ChatTemplate.MakeFiles(template, configSource, tokenizer?.Files ?? []))
            {
                builder = builder.WithFile(name, bytes);
            }
        }

        return builder;

        string? MostFrequent() => open.Values.Distinct().Select(Recipes.ChatTemplate.Read).OfType<string>()
            .GroupBy(t => t, StringComparer.Ordinal).OrderByDescending(g => g.Count()).FirstOrDefault()?.Key;

        string? Unknown(string name)
        {
            problems.Add(recipe.MethodPosition, $"there is no chat template {Printable.Escape(name)} built in; "
                + $"auto, {string.Join(", ", Recipes.ChatTemplate.BuiltIn.Keys)}, or the template's text is expected.");
            return null;
        }
    }
}
