using LayerSwap.Common;
using LayerSwap.LayerMaps;
using LayerSwap.Merging;

namespace LayerSwap.Recipes;

/// <summary>Holds a document against the models it names and makes the builder calls.</summary>
internal sealed class RecipeBinder(RecipeDocument recipe, ModelFinder models, YamlReader problems, List<string> notes)
{
    private const string LayerSwapName = "layer_swap", ShareSwapName = "share_swap", Weight = "weight", Threshold = "threshold";

    public static IReadOnlyList<string> OwnMethods { get; } = [LayerSwapName, ShareSwapName];

    private static readonly string[] LayerSwapParameters = ["bottom", "top", "transition_bottom", "transition_top", "transition", "embeddings", "norm", "head", "others", "transition_weights"];

    /// <summary>All that can stand as merge_method.</summary>
    public static IReadOnlyList<string> Methods { get; } = [.. MergeMethods.All.Select(m => m.Name), .. OwnMethods];

    /// <summary>The parameters of all methods.</summary>
    public static IReadOnlyList<string> Parameters { get; } = [.. MergeMethods.All.SelectMany(m => m.Parameters).Select(p => p.Name).Concat([Weight, Threshold, .. LayerSwapParameters]).Distinct(StringComparer.Ordinal)];

    private static bool IsParameter(string name) => Parameters.Contains(name, StringComparer.Ordinal);

    /// <summary>Whether it may stand under a model.</summary>
    public static bool IsPerSource(string name) => name == Weight || MergeMethods.All.Any(m => m.Parameters.Any(p => p.Name == name && p.IsPerSource));

    public static string NoSuchMethod(string name) => $"there is no method {Printable.Escape(name)}; nearest is {Common.ClosestMatch.To(name, Methods)}. There are {string.Join(", ", Methods)}.";

    /// <returns>Null where there are problems.</returns>
    public MergeBuilder? Bind()
    {
        Dictionary<string, ICheckpoint> open = new(StringComparer.Ordinal);
        // One view of a model, however often it is named.
        Dictionary<ICheckpoint, ICheckpoint> views = [];
        foreach (ModelReference reference in recipe.References)
        {
            if (models.Find(reference) is { } checkpoint)
            {
                if (!views.TryGetValue(checkpoint, out ICheckpoint? view))
                {
                    view = (recipe.ExpertsApart ? checkpoint.WithExpertsApart() : checkpoint).Renamed(recipe.Map);
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

        MergeBuilder? builder = recipe.Method switch
        {
            LayerSwapName => BindLayerSwap(open),
            ShareSwapName => BindShareSwap(open),
            _ => BindMethod(MergeMethods.Find(recipe.Method), open),
        };
        if (builder is not null && tokenizer is not null)
        {
            builder.TokenizerFrom(tokenizer.Donor, tokenizer.Files);
        }

        return builder is null ? null : Finish(builder.WrittenAt(problems.At(recipe.MethodPlace)), open, tokenizer);
    }

    /// <summary>Puts views with the rows of one vocabulary in the models' places; where all have it already they stay.</summary>
    private TokenizerMerge? Remap(TokenizerRequest request, Dictionary<string, ICheckpoint> open)
    {
        ICheckpoint[] all = [.. recipe.References.Select(r => open[r.Path]).Distinct()];
        TokenizerMerge? merge = TokenizerMerge.Of(request, all, recipe.Base is { } b ? open[b.Path] : null, r => open[r.Path], problems);
        if (merge is null)
        {
            return null;
        }

        Dictionary<ICheckpoint, ICheckpoint?> views = all.ToDictionary(m => m, merge.ViewOf);
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
        ICheckpoint? origin = recipe.Base is { } b ? open[b.Path] : null;
        bool slicesHaveBases = recipe.Modules.SelectMany(m => m.Slices).All(s => s.Base is not null);
        if (method.NeedsBase && origin is null && !slicesHaveBases)
        {
            problems.Add(recipe.MethodPlace, $"{method.Name} needs base_model, the model the others were fine-tuned from.");
            return null;
        }

        CheckParameters(method);
        List<RecipeModule> modules = [.. Modules(open).Select(m => WithBase(m, method, open))];
        List<SliceGroup> groups = [.. modules.Select(m => SliceGroup.Of(m, recipe.Base, open, usesBase, problems, notes)).OfType<SliceGroup>()];
        if (groups.Count < modules.Count)
        {
            return null;
        }

        ICheckpoint? mergeBase = usesBase ? groups[0].Base ?? origin : null;
        MergeBuilder builder = new(mergeBase, MergeStrategies.Keep, donor: mergeBase ?? origin);
        int first = 0;
        List<(SliceGroup Group, RecipeModule Module, int First)> placed = [];
        foreach ((SliceGroup group, RecipeModule module) in groups.Zip(modules))
        {
            AddSources(builder, method, group, module);
            placed.Add((group, module, first));
            first += group.Width;
        }

        // The last rule that matches wins: everything, which has no name, comes before the parts of it.
        foreach ((SliceGroup group, RecipeModule module, int start) in placed.OrderBy(p => p.Module.Name is not null))
        {
            for (int k = 0; k < group.Slices.Count; k++)
            {
                SliceView slice = group.Slices[k];
                if (Strategy(method, slice, module) is not { } strategy)
                {
                    continue;
                }

                // Everything of one slice without a name is the whole merge.
                bool all = groups.Count == 1 && group.Slices.Count == 1 && module.Name is null;
                if (all)
                {
                    builder.Using(strategy);
                }
                else
                {
                    builder.For(slice.Where, strategy, [.. Enumerable.Range(start, slice.Sources.Count)]).WrittenAt(problems.At(slice.Slice.Place));
                }

                // Of several filters the first counts, and of several rules the last.
                foreach (SettingValue value in Filtered(method, slice, module) is { } filtered ? filtered.Values.Where(v => v.Filter is not null).Reverse() : [])
                {
                    if (Strategy(method, slice, module, value) is { } other)
                    {
                        builder.For(slice.Where & LayerMaps.SelectorText.Containing(value.Filter!), other, [.. Enumerable.Range(start, slice.Sources.Count)]).WrittenAt(problems.At(value.Place));
                    }
                }
            }
        }

        return builder;
    }

    /// <summary>A list of models with the base, where the base takes part like them and is not among them: mergekit adds it, with the weight of the module or the recipe.</summary>
    private RecipeModule WithBase(RecipeModule module, MergeMethod method, Dictionary<string, ICheckpoint> open) =>
        method.Name == "linear" && recipe.Base is { } origin && module.Slices is [{ Sources: var sources } only] && sources.All(s => s.Layers is null && open[s.Model.Path] != open[origin.Path]) && IsGiven(Weight, module.Parameters, recipe.Parameters)
            ? module with { Slices = [only with { Sources = [.. sources, new RecipeSource(origin, null, [], origin.Place)] }] }
            : module;

    /// <summary>Finds the tensors of modules. Names modules that no tensor belongs to, which is an error, and filters that no tensor's name contains, which is noted.</summary>
    private List<RecipeModule> Modules(Dictionary<string, ICheckpoint> open)
    {
        string[] names = [.. open.Values.Distinct().SelectMany(c => c.Tensors).Select(t => t.Name).Distinct(StringComparer.Ordinal)];
        string[] modules = [.. names.Where(n => n.Contains('.', StringComparison.Ordinal)).SelectMany(Prefixes).Distinct(StringComparer.Ordinal)];
        List<RecipeModule> found = [];
        foreach (RecipeModule module in recipe.Modules)
        {
            Func<string, bool>? holds = module.Name is null ? _ => true : ModuleNames.Find(module.Name, names);
            found.Add(module with { Holds = holds ?? module.Holds });
            if (holds is not null)
            {
                continue;
            }

            problems.Add(module.Place, $"no tensor belongs to module {Printable.Escape(module.Name!)}; nearest is {Printable.Escape(Common.ClosestMatch.To(module.Name!, modules.Length > 0 ? modules : names))}. Remedy: name a beginning of tensors' names, such as it.");
        }

        IEnumerable<Settings> all = [recipe.Parameters, .. recipe.Modules.Select(m => m.Parameters), .. recipe.Modules.SelectMany(m => m.Slices).Select(s => s.Parameters),
            .. recipe.Modules.SelectMany(m => m.Slices).SelectMany(s => s.Sources).Select(s => s.Parameters)];
        foreach (SettingValue value in all.SelectMany(s => s.Values).SelectMany(s => s.Values).Where(v => v.Filter is not null && !names.Any(n => n.Contains(v.Filter, StringComparison.Ordinal))).DistinctBy(v => v.Filter, StringComparer.Ordinal))
        {
            string[] parts = [.. names.SelectMany(n => n.Split('.')).Distinct(StringComparer.Ordinal)];
            notes.Add($"{value.Place}: no tensor's name contains the filter {Printable.Escape(value.Filter!)}; it changes nothing. Nearest is {Printable.Escape(Common.ClosestMatch.To(value.Filter!, parts))}.");
        }

        return found;
    }

    /// <summary>The first two beginnings of a name that end at a dot.</summary>
    private static IEnumerable<string> Prefixes(string name)
    {
        int first = name.IndexOf('.', StringComparison.Ordinal), second = name.IndexOf('.', first + 1);
        yield return name[..first];
        if (second > 0)
        {
            yield return name[..second];
        }
    }

    private void AddSources(MergeBuilder builder, MergeMethod method, SliceGroup group, RecipeModule module)
    {
        for (int j = 0; j < group.Width; j++)
        {
            Schedule? weight = null;
            foreach (SliceView slice in group.Slices.Where(s => j < s.Sources.Count))
            {
                RecipeSource source = slice.Sources[j];
                Schedule own = Lookup(Weight, [source.Parameters, slice.Slice.Parameters, module.Parameters, recipe.Parameters], 1, slice);
                if (WeightRequired(method) && !IsGiven(Weight, source.Parameters, slice.Slice.Parameters, module.Parameters, recipe.Parameters) && !source.Parameters.Keys.Any(k => IsMisspelt(k, method)))
                {
                    problems.Add(source.Place, $"{method.Name} needs a weight for {Printable.Escape(source.Model.Path)}.");
                }

                weight = weight?.Where(slice.Where, own) ?? own;
            }

            builder.With(group.Stacks[j], weight);
        }
    }

    /// <summary>The switch of a method that holds only where names contain something, such as normalize; null for none.</summary>
    private Setting? Filtered(MergeMethod method, SliceView slice, RecipeModule module) => method.Parameters.Where(p => p.IsSwitch)
        .Select(p => Array.Find<Settings>([slice.Slice.Parameters, module.Parameters, recipe.Parameters], level => level.ContainsKey(p.Name))?[p.Name])
        .FirstOrDefault(s => s is not null && s.Values.Any(v => v.Filter is not null));

    /// <param name="method">The method.</param>
    /// <param name="slice">The slice.</param>
    /// <param name="module">The module.</param>
    /// <param name="chosen">The value of a switch with filters; where none of its filters holds if it is null.</param>
    private IMergeStrategy? Strategy(MergeMethod method, SliceView slice, RecipeModule module, SettingValue? chosen = null)
    {
        Setting? filtered = Filtered(method, slice, module);
        Dictionary<string, PerSource> values = new(StringComparer.Ordinal);
        foreach (MergeParameter parameter in method.Parameters)
        {
            Settings[] above = [slice.Slice.Parameters, module.Parameters, recipe.Parameters];
            if (parameter.IsPerSource && slice.Sources.Count > 0)
            {
                if (slice.Sources.Any(s => IsGiven(parameter.Name, [s.Parameters, .. above])))
                {
                    Schedule[] each = [.. slice.Sources.Select(s => Lookup(parameter.Name, [s.Parameters, .. above], parameter.Default, slice))];
                    values[parameter.Name] = each.Length == 1 ? each[0] : PerSource.Of(each);
                }
            }
            else if (filtered?.Name == parameter.Name)
            {
                values[parameter.Name] = (chosen ?? filtered.Values.FirstOrDefault(v => v.Filter is null))?.Gradient is [var on] ? on : parameter.Default ?? 0;
            }
            else if (IsGiven(parameter.Name, above))
            {
                values[parameter.Name] = Lookup(parameter.Name, above, parameter.Default, slice);
            }
        }

        try
        {
            return method.Create(values);
        }
        catch (ArgumentException e)
        {
            problems.Add(recipe.MethodPlace, e.Message);
            return null;
        }
    }

    private MergeBuilder? BindLayerSwap(Dictionary<string, ICheckpoint> open)
    {
        if (Pair(open) is not { } pair)
        {
            return null;
        }

        CheckNames(recipe.Parameters, LayerSwapParameters, LayerSwapName);
        int transition = Whole("transition", 1);
        LayerSwapOptions options = new()
        {
            Bottom = Whole("bottom", 5),
            Top = Whole("top", 2),
            TransitionBottom = Whole("transition_bottom", transition),
            TransitionTop = Whole("transition_top", transition),
            Embeddings = Policy("embeddings"),
            Norm = Policy("norm"),
            Head = Policy("head"),
            Others = Policy("others"),
            Weights = Weights(pair),
        };
        return Merge.LayerSwap(pair.Task, pair.Language, options, recipe.Base is { } b ? open[b.Path] : null);
    }

    private MergeBuilder? BindShareSwap(Dictionary<string, ICheckpoint> open)
    {
        if (recipe.Base is null)
        {
            problems.Add(recipe.MethodPlace, $"{ShareSwapName} needs base_model, the model the others were fine-tuned from.");
            return null;
        }

        if (Pair(open) is not { } pair)
        {
            return null;
        }

        CheckNames(recipe.Parameters, [Threshold], ShareSwapName);
        foreach (RecipeSource source in pair.Sources)
        {
            CheckNames(source.Parameters, [], ShareSwapName);
        }

        ICheckpoint origin = open[recipe.Base.Path];
        double threshold = recipe.Parameters.TryGetValue(Threshold, out Setting? setting) ? setting.Values[0].Gradient[0] : 0.1;
        if (threshold < 0)
        {
            problems.Add(setting!.Place, $"threshold is {threshold.ToString(System.Globalization.CultureInfo.InvariantCulture)}; 0 or more is expected.");
            return null;
        }

        notes.Add($"{ShareSwapName} compared the models with their base before planning: it is chosen by what changed.");
        LayerDiffReport diff = LayerDiff.From(origin).To(pair.Task, pair.Language).RunAsync().GetAwaiter().GetResult();
        return Merge.Onto(origin).With(pair.Task).With(pair.Language).Using(MergeStrategies.ShareSwap(diff, threshold));
    }

    /// <summary>The two models that are not the base.</summary>
    private (ICheckpoint Task, ICheckpoint Language, RecipeSource[] Sources)? Pair(Dictionary<string, ICheckpoint> open)
    {
        ICheckpoint? origin = recipe.Base is { } b ? open[b.Path] : null;
        RecipeSource[] sources = [.. recipe.Modules.SelectMany(m => m.Slices).SelectMany(s => s.Sources).Where(s => open[s.Model.Path] != origin)];
        if (sources.Length == 2 && recipe.Modules is [{ Name: null, Slices.Count: 1 }] && sources.All(s => s.Layers is null))
        {
            return (open[sources[0].Model.Path], open[sources[1].Model.Path], sources);
        }

        problems.Add(recipe.MethodPlace, $"{recipe.Method} takes two models under models, the task expert first and the language expert second.");
        return null;
    }

    private TransitionWeights Weights((ICheckpoint, ICheckpoint, RecipeSource[] Sources) pair)
    {
        if (recipe.Parameters.TryGetValue("transition_weights", out Setting? setting))
        {
            switch (setting.Text)
            {
                case "equal": return TransitionWeights.Equal;
                case "proportional": return TransitionWeights.Proportional;
                case "inversely_proportional": return TransitionWeights.InverselyProportional;
                default:
                    problems.Add(setting.Place, $"transition_weights is {Printable.Escape(setting.Text ?? "a number")}; equal, proportional or inversely_proportional is expected.");
                    return TransitionWeights.Equal;
            }
        }

        double[] weights = [.. pair.Sources.Select(s => s.Parameters.TryGetValue(Weight, out Setting? weight) ? weight.Values[0].Gradient[0] : 1)];
        foreach (RecipeSource source in pair.Sources)
        {
            CheckNames(source.Parameters, [Weight], LayerSwapName);
        }

        if (weights.All(w => w >= 0) && weights.Sum() > 0)
        {
            return TransitionWeights.Of(weights[0], weights[1]);
        }

        problems.Add(pair.Sources[0].Place, "the weights of layer_swap are zero or more, and not both zero.");
        return TransitionWeights.Equal;
    }

    private OutsidePolicy Policy(string name)
    {
        if (!recipe.Parameters.TryGetValue(name, out Setting? setting))
        {
            return default;
        }

        if (Enum.TryParse(setting.Text, ignoreCase: true, out OutsidePolicy policy) && Enum.IsDefined(policy))
        {
            return policy;
        }

        problems.Add(setting.Place, $"{name} is {Printable.Escape(setting.Text ?? "a number")}; one of {string.Join(", ", Enum.GetNames<OutsidePolicy>().Select(n => n.ToLowerInvariant()))} is expected.");
        return default;
    }

    private int Whole(string name, int otherwise)
    {
        if (!recipe.Parameters.TryGetValue(name, out Setting? setting))
        {
            return otherwise;
        }

        if (setting.Values is [{ Filter: null, Gradient: [double value] }] && value == Math.Floor(value) && value is >= 0 and < int.MaxValue)
        {
            return (int)value;
        }

        string found = setting.Values is [{ Filter: null, Gradient: [double other] }] ? other.ToString(System.Globalization.CultureInfo.InvariantCulture) : setting.Text ?? "not one number";
        problems.Add(setting.Place, $"{name} is {found}; a whole number of 0 or more is expected.");
        return otherwise;
    }

    private MergeBuilder? Finish(MergeBuilder builder, Dictionary<string, ICheckpoint> open, TokenizerMerge? tokenizer)
    {
        int[] sources = [.. Enumerable.Range(0, builder.SourceCount)];
        foreach (RecipeRule rule in recipe.Rules)
        {
            if (rule.Source is { } source)
            {
                builder.Swap(rule.Selector, open[source.Path]);
            }
            else
            {
                MergeMethod method = MergeMethods.Find(rule.Method);
                CheckNames(rule.Parameters, [.. method.Parameters.Select(p => p.Name)], method.Name);
                try
                {
                    builder.For(rule.Selector, method.Create(rule.Parameters.ToDictionary(p => p.Key, p => PerSource.FromSchedule(new SettingSchedule(p.Key, [p.Value], null, 0, 1)), StringComparer.Ordinal)), sources);
                }
                catch (ArgumentException e)
                {
                    problems.Add(rule.Place, e.Message);
                }
            }

            builder.WrittenAt(problems.At(rule.Place));
        }

        ChatTemplate(builder, open, tokenizer);
        if (recipe.DType is { } dtype)
        {
            builder.As(dtype);
        }

        return builder.Vocabulary(recipe.Vocabulary);
    }

    /// <summary>A text is written as it stands; <c>auto</c> is the template that most of the models have.</summary>
    private void ChatTemplate(MergeBuilder builder, Dictionary<string, ICheckpoint> open, TokenizerMerge? tokenizer)
    {
        string? template = recipe.ChatTemplate switch
        {
            null => null,
            "auto" => open.Values.Distinct().Select(Recipes.ChatTemplate.Of).OfType<string>().GroupBy(t => t, StringComparer.Ordinal).OrderByDescending(g => g.Count()).FirstOrDefault()?.Key,
            string text when text.Contains('{', StringComparison.Ordinal) => text,
            string name when Recipes.ChatTemplate.BuiltIn.TryGetValue(name, out string? known) => known,
            string name => Unknown(name),
        };
        if (template is not null)
        {
            foreach ((string name, byte[] bytes) in Recipes.ChatTemplate.FilesOf(template, tokenizer?.Donor ?? builder.Donor!, tokenizer?.Files ?? []))
            {
                builder.Beside(name, bytes);
            }
        }

        string? Unknown(string name)
        {
            problems.Add(recipe.MethodPlace, $"there is no chat template {Printable.Escape(name)} built in; auto, {string.Join(", ", Recipes.ChatTemplate.BuiltIn.Keys)}, or the template's text is expected.");
            return null;
        }
    }

    /// <summary>Parameters that the method does not have, or not where they stand.</summary>
    private void CheckParameters(MergeMethod method)
    {
        string[] all = [.. method.Parameters.Select(p => p.Name), Weight], perSource = [.. method.Parameters.Where(p => p.IsPerSource).Select(p => p.Name), Weight];
        CheckNames(recipe.Parameters, all, method.Name);
        foreach (RecipeModule module in recipe.Modules)
        {
            CheckNames(module.Parameters, all, method.Name);
            foreach (RecipeSlice slice in module.Slices)
            {
                CheckNames(slice.Parameters, all, method.Name);
                foreach (Settings parameters in slice.Sources.Select(s => s.Parameters))
                {
                    foreach (Setting whole in parameters.Values.Where(p => all.Contains(p.Name, StringComparer.Ordinal) && !perSource.Contains(p.Name, StringComparer.Ordinal)))
                    {
                        problems.Add(whole.Place, $"{whole.Name} is a parameter of {method.Name} as a whole, and stands under a model. Remedy: move it to the parameters of the recipe or of a slice.");
                    }

                    CheckNames(parameters, all, method.Name);
                }
            }
        }
    }

    private void CheckNames(Settings parameters, string[] known, string method)
    {
        foreach (Setting parameter in parameters.Values.Where(p => !known.Contains(p.Name, StringComparer.Ordinal)))
        {
            // A name that other methods have is left over rather than misspelt.
            if (IsParameter(parameter.Name))
            {
                notes.Add($"{parameter.Place}: {method} has no parameter {parameter.Name}; it changes nothing.");
            }
            else
            {
                problems.Add(parameter.Place, $"{method} has no parameter {Printable.Escape(parameter.Name)}{(known.Length == 0 ? "" : $"; nearest is {Common.ClosestMatch.To(parameter.Name, known)}. It has {string.Join(", ", known)}")}.");
            }
        }
    }

    /// <summary>Task vectors are of no use without a weight; averages count each model once.</summary>
    private static bool WeightRequired(MergeMethod method) => method.Parameters.Any(p => p.Name == "lambda");

    /// <summary>A weight that is written, but not so: that is told already.</summary>
    private static bool IsMisspelt(string name, MergeMethod method) => !IsParameter(name) && Common.ClosestMatch.To(name, [.. method.Parameters.Select(p => p.Name), Weight]) == Weight;

    private static bool IsGiven(string name, params ReadOnlySpan<Settings> levels)
    {
        foreach (Settings level in levels)
        {
            if (level.ContainsKey(name))
            {
                return true;
            }
        }

        return false;
    }

    private static SettingSchedule Lookup(string name, Settings[] levels, double? otherwise, SliceView slice) =>
        new(name, [.. levels.Select(l => l.GetValueOrDefault(name)).OfType<Setting>()], otherwise, slice.FirstLayer, slice.Layers);
}
