using LayerSwap.Common;

namespace LayerSwap.Recipes;

/// <summary>Binds the parameters of a recipe to strategies. The innermost level wins: model, slice, module, recipe.</summary>
internal sealed class ParameterBinder(RecipeDocument recipe, MergeMethod method, YamlReader problems, List<string> notes)
{
    /// <summary>Whether every model needs a weight: task vectors do, averages have 1 by default.</summary>
    private bool WeightRequired => method.Parameters.Any(p => p.Name == "lambda");

    /// <summary>Reports parameters that the method does not have, or that are given at the wrong level.</summary>
    public void Check()
    {
        string[] all = [.. method.Parameters.Select(p => p.Name), MethodNames.Weight];
        string[] perSource = [.. method.Parameters.Where(p => p.IsPerSource).Select(p => p.Name), MethodNames.Weight];
        CheckNames(recipe.Parameters, all);
        foreach (RecipeModule module in recipe.Modules)
        {
            CheckNames(module.Parameters, all);
            foreach (RecipeSlice slice in module.Slices)
            {
                CheckNames(slice.Parameters, all);
                foreach (Settings parameters in slice.Sources.Select(s => s.Parameters))
                {
                    IEnumerable<Setting> misplaced = parameters.Values
                        .Where(p => all.Contains(p.Name, StringComparer.Ordinal) && !perSource.Contains(p.Name, StringComparer.Ordinal));
                    foreach (Setting whole in misplaced)
                    {
                        problems.Add(whole.Position, $"{whole.Name} is a parameter of {method.Name} as a whole, and stands under a model. "
                            + "Remedy: move it to the parameters of the recipe or of a slice.");
                    }

                    CheckNames(parameters, all);
                }
            }
        }
    }

    /// <summary>Reports parameters that the method does not have: an error if misspelt, a note if another method has them.</summary>
    public void CheckNames(Settings parameters, string[] known)
    {
        foreach (Setting parameter in parameters.Values.Where(p => !known.Contains(p.Name, StringComparer.Ordinal)))
        {
            if (MethodNames.IsParameter(parameter.Name))
            {
                notes.Add($"{parameter.Position}: {method.Name} has no parameter {parameter.Name}; it changes nothing.");
            }
            else
            {
                string nearest = known.Length == 0
                    ? ""
                    : $"; nearest is {ClosestMatch.Find(parameter.Name, known)}. It has {string.Join(", ", known)}";
                problems.Add(parameter.Position, $"{method.Name} has no parameter {Printable.Escape(parameter.Name)}{nearest}.");
            }
        }
    }

    /// <summary>Checks whether the module or the recipe gives a weight.</summary>
    public bool HasWeight(RecipeModule module) => IsGiven(MethodNames.Weight, module.Parameters, recipe.Parameters);

    /// <summary>Gets the weight of a source as a schedule; reports a missing one.</summary>
    public Schedule WeightOf(RecipeSource source, SliceView slice, RecipeModule module)
    {
        Settings[] levels = [source.Parameters, slice.Slice.Parameters, module.Parameters, recipe.Parameters];
        if (WeightRequired && !IsGiven(MethodNames.Weight, levels) && !source.Parameters.Keys.Any(IsMisspeltWeight))
        {
            problems.Add(source.Position, $"{method.Name} needs a weight for {Printable.Escape(source.Model.Path)}.");
        }

        return Lookup(MethodNames.Weight, levels, 1, slice);
    }

    /// <summary>Gets the switch of the method that has filters, such as normalize; null if there is none.</summary>
    public Setting? Filtered(SliceView slice, RecipeModule module)
    {
        Settings[] levels = [slice.Slice.Parameters, module.Parameters, recipe.Parameters];
        return method.Parameters.Where(p => p.IsSwitch)
            .Select(p => Array.Find(levels, level => level.ContainsKey(p.Name))?[p.Name])
            .FirstOrDefault(s => s is not null && s.Values.Any(v => v.Filter is not null));
    }

    /// <summary>Creates the strategy of a slice; null, and a problem, if a value does not fit.</summary>
    /// <param name="slice">The slice.</param>
    /// <param name="module">The module.</param>
    /// <param name="chosen">The value of the switch with filters; null if none of its filters matches.</param>
    public IMergeStrategy? Strategy(SliceView slice, RecipeModule module, SettingValue? chosen = null)
    {
        Setting? filtered = Filtered(slice, module);
        Settings[] above = [slice.Slice.Parameters, module.Parameters, recipe.Parameters];
        Dictionary<string, PerSource> values = new(StringComparer.Ordinal);
        foreach (MergeParameter parameter in method.Parameters)
        {
            if (parameter.IsPerSource && slice.Sources.Count > 0)
            {
                if (slice.Sources.Any(s => IsGiven(parameter.Name, [s.Parameters, .. above])))
                {
                    Schedule[] each =
                        [.. slice.Sources.Select(s => Lookup(parameter.Name, [s.Parameters, .. above], parameter.Default, slice))];
                    values[parameter.Name] = each.Length == 1 ? each[0] : PerSource.Of(each);
                }
            }
            else if (filtered?.Name == parameter.Name)
            {
                SettingValue? value = chosen ?? filtered.Values.FirstOrDefault(v => v.Filter is null);
                values[parameter.Name] = value?.Gradient is [var on] ? on : parameter.Default ?? 0;
            }
            else if (parameter.Words.Count > 0)
            {
                Setting? word = Array.Find(above, level => level.ContainsKey(parameter.Name))?[parameter.Name];
                if (word is not null && WordOf(word, parameter) is { } index)
                {
                    values[parameter.Name] = index;
                }
            }
            else if (IsGiven(parameter.Name, above))
            {
                values[parameter.Name] = Lookup(parameter.Name, above, parameter.Default, slice);
            }
        }

        return Create(values, above, recipe.MethodPosition);
    }

    /// <summary>Creates the strategy of a rule. Its values are constants.</summary>
    public IMergeStrategy? Strategy(RecipeRule rule)
    {
        CheckNames(rule.Parameters, [.. method.Parameters.Select(p => p.Name)]);
        Dictionary<string, PerSource> values = rule.Parameters.Where(p => method.Parameters.Any(m => m.Name == p.Key))
            .ToDictionary(p => p.Key, p => Constant(p.Key, p.Value), StringComparer.Ordinal);
        return Create(values, [rule.Parameters], rule.Position);

        static PerSource Constant(string name, Setting setting) =>
            PerSource.FromSchedule(new SettingSchedule(name, [setting], null, 0, 1));
    }

    /// <summary>Creates the strategy; reports an error at the parameter named first in the message, or at the method.</summary>
    private IMergeStrategy? Create(Dictionary<string, PerSource> values, Settings[] levels, LineColumn place)
    {
        try
        {
            return method.Create(values);
        }
        catch (ArgumentException e)
        {
            Setting? named = levels.SelectMany(l => l.Values)
                .FirstOrDefault(s => e.Message.StartsWith(s.Name + " is ", StringComparison.Ordinal));
            problems.Add(named?.Position ?? place, e.Message);
            return null;
        }
    }

    private double? WordOf(Setting setting, MergeParameter parameter)
    {
        int index = parameter.Words.ToList().IndexOf(setting.Text ?? "");
        if (index >= 0)
        {
            return index;
        }

        problems.Add(setting.Position, $"{setting.Name} is {Printable.Escape(setting.Text ?? "a number")}; "
            + $"one of {string.Join(", ", parameter.Words)} is expected.");
        return null;
    }

    /// <summary>Checks whether a name is a misspelt weight; <see cref="CheckNames"/> reports it.</summary>
    private bool IsMisspeltWeight(string name) => !MethodNames.IsParameter(name)
        && ClosestMatch.Find(name, [.. method.Parameters.Select(p => p.Name), MethodNames.Weight]) == MethodNames.Weight;

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
