using LayerSwap.Common;
using LayerSwap.LayerMaps;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace LayerSwap.Recipes;

/// <summary>Parses a recipe: mergekit's grammar, with LayerSwap's additions.</summary>
internal sealed partial class RecipeReader
{
    /// <summary>Keys of old recipes that have no effect in current versions.</summary>
    private static readonly string[] Obsolete = ["embed_slerp", "residual_weight"];

    private static readonly string[] Keys =
    [
        "merge_method", "models", "slices", "modules", "base_model", "parameters", "dtype", "out_dtype", "tokenizer_source", "tokenizer",
        "chat_template", "name", "rules", "vocabulary", "map", "stack",
    ];

    /// <summary>The keys that hold the models; a recipe has one of them.</summary>
    private static readonly string[] ContentKeys = ["models", "slices", "modules"];

    private const int MaxConstantLength = 200;

    private readonly YamlReader _yaml;
    private List<string> _obsolete = [];

    private RecipeReader(YamlReader yaml) => _yaml = yaml;

    /// <exception cref="RecipeException">The recipe is invalid.</exception>
    public static IReadOnlyList<RecipeDocument> Read(string text, string file)
    {
        YamlStream stream = [];
        try
        {
            stream.Load(new DuplicateKeyParser(new BoundedParser(new Parser(new StringReader(text))), [.. Keys, .. Obsolete]));
        }
        // The parser throws InvalidOperationException for some invalid texts.
        catch (Exception e) when (e is YamlException or ArgumentException or InvalidOperationException)
        {
            LineColumn place = e is YamlException yamlError ? LineColumn.Of(yamlError.Start) : new LineColumn(1, 1);
            throw new RecipeException([$"{Printable.Escape(file)}, {place}: this is not YAML: {Printable.Escape(e.Message)}"], e);
        }

        YamlReader yaml = new(file);
        RecipeReader reader = new(yaml);
        YamlNode[] roots =
            [.. stream.Documents.Select(d => d.RootNode).Where(n => n is not YamlScalarNode { Value: null or "" })];
        if (roots.Length == 0)
        {
            yaml.Add(new LineColumn(1, 1), "the recipe is empty; at least merge_method and models are expected.");
        }

        RecipeDocument?[] documents = [.. roots.Select(reader.Document)];
        CheckNames(documents, roots, yaml);
        yaml.ThrowIfAny();
        return InOrder([.. documents.OfType<RecipeDocument>()]);
    }

    private static void CheckNames(RecipeDocument?[] documents, YamlNode[] roots, YamlReader yaml)
    {
        for (int i = 0; i < documents.Length; i++)
        {
            if (documents[i]?.Name is { } name && documents.Take(i).Any(before => before?.Name == name))
            {
                yaml.Add(roots[i], $"a document before this one is called {Printable.Escape(name)} too; each needs a unique name.");
            }
        }

        foreach (int i in Enumerable.Range(0, documents.Length).Where(i => documents[i] is { Name: null }).SkipLast(1))
        {
            yaml.Add(roots[i], "of several documents all but one need a name, by which others use them; "
                + "the one without a name is the result.");
        }
    }

    /// <summary>Sorts documents so that each follows those it uses. The result, which has no name or is the last, is at the end.</summary>
    private static List<RecipeDocument> InOrder(List<RecipeDocument> documents)
    {
        RecipeDocument? result = documents.Find(d => d.Name is null) ?? documents.LastOrDefault();
        List<RecipeDocument> ordered = [], remaining = [.. documents.Where(d => d != result)];
        bool UsesRemaining(RecipeDocument document) =>
            document.References.Any(r => remaining.Any(other => other != document && other.Name == r.Path));
        while (remaining.Count > 0)
        {
            // In a cycle, take the first: a later step reports that the document it uses comes after it.
            RecipeDocument next = remaining.Find(d => !UsesRemaining(d)) ?? remaining[0];
            ordered.Add(next);
            remaining.Remove(next);
        }

        return result is null ? ordered : [.. ordered, result];
    }

    private RecipeDocument? Document(YamlNode root)
    {
        _obsolete = [];
        if (root is YamlMappingNode mapping)
        {
            RemoveObsoleteAndConstants(mapping);
        }

        Dictionary<string, YamlNode> keys = _yaml.ReadMapping(root, "the recipe", Keys);
        foreach (string empty in keys.Where(k => YamlReader.IsNull(k.Value) && k.Key != "merge_method").Select(k => k.Key).ToList())
        {
            keys.Remove(empty);
        }

        string[] filled =
        [
            .. ContentKeys.Where(k => keys.TryGetValue(k, out YamlNode? node) && node is not YamlSequenceNode { Children.Count: 0 }),
        ];
        if (filled.Length == 1)
        {
            // Ignore empty lists under the other keys.
            foreach (string key in ContentKeys.Except(filled, StringComparer.Ordinal))
            {
                keys.Remove(key);
            }
        }

        string? name = keys.TryGetValue("name", out YamlNode? named) ? _yaml.ReadText(named, "name") : null;
        string? method = keys.TryGetValue("merge_method", out YamlNode? methodNode) ? _yaml.ReadText(methodNode, "merge_method") : null;
        if (methodNode is null)
        {
            _yaml.Add(root, "merge_method is missing.");
        }

        if (method is not null && !MethodNames.IsMethod(method))
        {
            _yaml.Add(methodNode!, MethodNames.NoSuchMethod(method));
        }

        string[] contents = [.. ContentKeys.Where(keys.ContainsKey)];
        if (contents.Length == 0)
        {
            _yaml.Add(root, "models, slices or modules is missing; one of them is expected.");
        }
        else if (contents.Length > 1)
        {
            _yaml.Add(root, $"{string.Join(" and ", contents)} are both there; one of models, slices and modules is expected.");
        }

        YamlNode[] map = keys.TryGetValue("map", out YamlNode? mapNode) ? [.. _yaml.ReadList(mapNode, "map")] : [];
        YamlNode[] rules = keys.TryGetValue("rules", out YamlNode? rulesNode) ? [.. _yaml.ReadList(rulesNode, "rules")] : [];
        return new RecipeDocument
        {
            Name = name,
            Method = method ?? "",
            MethodPosition = LineColumn.Of((methodNode ?? root).Start),
            Base = Model(keys.GetValueOrDefault("base_model"), "base_model"),
            Modules = Modules(keys),
            Parameters = Parameters(keys.GetValueOrDefault("parameters"), "parameters"),
            DType = DTypeOf(keys, "out_dtype") ?? DTypeOf(keys, "dtype"),
            Vocabulary = Vocabulary(keys.GetValueOrDefault("vocabulary")),
            Tokenizer = Tokenizer(keys),
            ChatTemplate = keys.TryGetValue("chat_template", out YamlNode? template) ? YamlReader.GetText(template) : null,
            NamePrefixes = [.. map.Where(m => !IsExperts(m)).SelectMany(Prefixes)],
            SplitsExperts = map.Any(IsExperts),
            Stack = keys.TryGetValue("stack", out YamlNode? stack) ? _yaml.ReadText(stack, "stack") : null,
            ObsoleteKeys = _obsolete,
            Rules = [.. rules.Select(Rule).OfType<RecipeRule>()],
        };
    }

    private void RemoveObsoleteAndConstants(YamlMappingNode mapping)
    {
        foreach ((YamlNode key, YamlNode value) in mapping.Children.ToList())
        {
            if (YamlReader.GetText(key) is { } name && Obsolete.Contains(name, StringComparer.Ordinal))
            {
                _obsolete.Add(name);
                mapping.Children.Remove(key);
            }
            else if (IsConstant(key, value))
            {
                mapping.Children.Remove(key);
            }
        }
    }

    /// <summary>Removes obsolete keys, and records them.</summary>
    private Dictionary<string, YamlNode> WithoutObsolete(Dictionary<string, YamlNode> keys)
    {
        foreach (string key in Obsolete.Where(keys.Remove))
        {
            _obsolete.Add(key);
        }

        return keys;
    }

    /// <summary>Whether a member only defines anchors, under a key that is not in the grammar.</summary>
    private static bool IsConstant(YamlNode key, YamlNode value) => YamlReader.GetText(key) is { Length: < MaxConstantLength } name
        && !Keys.Contains(name, StringComparer.Ordinal)
        && name != "<<"
        && ClosestMatch.FindTypo(name, Keys) is null
        && CarriesAnchor(value);

    /// <summary>Whether a value, or a part of it, has an anchor.</summary>
    private static bool CarriesAnchor(YamlNode node) => !node.Anchor.IsEmpty || node switch
    {
        YamlSequenceNode list => list.Children.Any(CarriesAnchor),
        YamlMappingNode map => map.Children.Values.Any(CarriesAnchor),
        _ => false,
    };

    private static bool IsExperts(YamlNode node) => YamlReader.GetText(node) == NamePrefix.Experts;

    private IReadOnlyList<NamePrefix> Prefixes(YamlNode node)
    {
        if (NamePrefix.TryParse(YamlReader.GetText(node)) is { } prefixes)
        {
            return prefixes;
        }

        string found = Printable.Escape(YamlReader.GetText(node) ?? YamlReader.Describe(node));
        string words = string.Join(", ", NamePrefix.Known.Keys.Prepend(NamePrefix.Experts));
        _yaml.Add(node, $"map has {found}; OLD=NEW, or one of {words}, is expected.");
        return [];
    }

    private List<RecipeModule> Modules(Dictionary<string, YamlNode> keys)
    {
        if (!keys.TryGetValue("modules", out YamlNode? modules))
        {
            return [new RecipeModule(null, Slices(keys), [], new LineColumn(1, 1))];
        }

        List<RecipeModule> found = [];
        foreach ((string name, YamlNode node) in _yaml.ReadMapping(modules, "modules"))
        {
            string what = $"module {Printable.Escape(name)}";
            Dictionary<string, YamlNode> inner = _yaml.ReadMapping(node, what, "models", "slices", "parameters")
                .Where(k => !YamlReader.IsNull(k.Value))
                .ToDictionary(StringComparer.Ordinal);
            if (inner.ContainsKey("models") == inner.ContainsKey("slices"))
            {
                _yaml.Add(node, $"{what} needs either models or slices.");
            }

            List<RecipeSlice> slices = Slices(inner);
            Settings parameters = Parameters(inner.GetValueOrDefault("parameters"), "parameters");
            found.Add(new RecipeModule(name == "default" ? null : name, slices, parameters, LineColumn.Of(node.Start)));
        }

        return found;
    }

    private List<RecipeSlice> Slices(Dictionary<string, YamlNode> keys)
    {
        if (keys.TryGetValue("models", out YamlNode? models))
        {
            RecipeSource[] all = [.. _yaml.ReadList(models, "models").Select(m => Source(m, ranged: false)).OfType<RecipeSource>()];
            return [new RecipeSlice(all, null, [], LineColumn.Of(models.Start))];
        }

        if (!keys.TryGetValue("slices", out YamlNode? list))
        {
            return [];
        }

        List<RecipeSlice> slices = [.. _yaml.ReadList(list, "slices").Select(Slice).OfType<RecipeSlice>()];
        bool IsEmpty(RecipeSlice slice) =>
            slice.Sources.Count > 0 && slice.Sources.All(s => s.Layers is { } range && range.Start == range.End);
        if (slices.Count > 0 && slices.All(IsEmpty))
        {
            _yaml.Add(list, "every layer_range is empty: the output would have no layers.");
        }

        return slices;
    }

    private RecipeSlice? Slice(YamlNode node)
    {
        Dictionary<string, YamlNode> keys =
            WithoutObsolete(_yaml.ReadMapping(node, "a slice", ["sources", "base_model", "parameters", .. Obsolete]));
        if (!keys.TryGetValue("sources", out YamlNode? sources))
        {
            _yaml.Add(node, "a slice needs sources.");
            return null;
        }

        RecipeSource[] found = [.. _yaml.ReadList(sources, "sources").Select(m => Source(m, ranged: true)).OfType<RecipeSource>()];
        // Reversed ranges are reported by Source.
        IEnumerable<(int Start, int End)> ranges = found.Select(s => s.Layers).OfType<(int Start, int End)>();
        int[] lengths = [.. ranges.Where(r => r.End > r.Start).Select(r => r.End - r.Start).Distinct()];
        if (lengths.Length > 1)
        {
            _yaml.Add(sources, $"the sources of a slice have {string.Join(" and ", lengths)} layers; the same number is expected of all.");
        }

        ModelReference? @base = Model(keys.GetValueOrDefault("base_model"), "base_model");
        Settings parameters = Parameters(keys.GetValueOrDefault("parameters"), "parameters");
        return new RecipeSlice(found, @base, parameters, LineColumn.Of(node.Start));
    }

    private RecipeSource? Source(YamlNode node, bool ranged)
    {
        // A bare path is a model without parameters.
        if (!ranged && YamlReader.GetText(node) is not null)
        {
            return new RecipeSource(Model(node, "model")!, null, [], LineColumn.Of(node.Start));
        }

        Dictionary<string, YamlNode> keys = ranged
            ? _yaml.ReadMapping(node, "a source", "model", "layer_range", "parameters")
            : _yaml.ReadMapping(node, "a model", "model", "parameters");
        if (!keys.TryGetValue("model", out YamlNode? path) || Model(path, "model") is not { } model)
        {
            _yaml.Add(node, "model is missing.");
            return null;
        }

        (int, int)? range = ranged ? LayerRange(node, keys.GetValueOrDefault("layer_range")) : null;
        Settings parameters = Parameters(keys.GetValueOrDefault("parameters"), "parameters");
        return new RecipeSource(model, range, parameters, LineColumn.Of(node.Start));
    }

    /// <summary>Reads the first layer, and the one after the last; null if the range is missing or no two numbers.</summary>
    private (int Start, int End)? LayerRange(YamlNode source, YamlNode? node)
    {
        if (node is null)
        {
            _yaml.Add(source, "layer_range is missing: the first layer, and the one after the last.");
            return null;
        }

        if (node is not YamlSequenceNode { Children: [YamlNode first, YamlNode last] })
        {
            string length = node is YamlSequenceNode { Children.Count: > 0 and not 2 } list ? $" of {list.Children.Count}" : "";
            _yaml.Add(node, $"layer_range is {YamlReader.Describe(node)}{length}; two whole numbers are expected, such as [0, 16].");
            return null;
        }

        if (_yaml.ReadInteger(first, "layer_range") is not { } start || _yaml.ReadInteger(last, "layer_range") is not { } end)
        {
            return null;
        }

        if (start < 0 || end < start)
        {
            _yaml.Add(node, $"layer_range is [{start}, {end}]; the first layer, from 0, "
                + "and the one after the last are expected, in this order.");
        }

        return ((int)Math.Clamp(start, int.MinValue, int.MaxValue), (int)Math.Clamp(end, int.MinValue, int.MaxValue));
    }

    private ModelReference? Model(YamlNode? node, string what)
    {
        if (node is null || (what == "base_model" && YamlReader.IsNull(node)))
        {
            return null;
        }

        string? text = node is YamlMappingNode ? LongModel(node, what) : _yaml.ReadText(node, what);
        return string.IsNullOrEmpty(text) ? null : new ModelReference(text, LineColumn.Of(node.Start));
    }

    /// <summary>Reads the long form, <c>{model: {path, revision}, lora}</c>, as <c>path@revision+lora</c>.</summary>
    private string? LongModel(YamlNode node, string what)
    {
        Dictionary<string, YamlNode> keys =
            _yaml.ReadMapping(node, what, "model", "path", "revision", "lora", "override_architecture");
        YamlNode? inner = keys.GetValueOrDefault("model") ?? keys.GetValueOrDefault("path");
        string? text = inner is YamlMappingNode ? Model(inner, what)?.Path : YamlReader.GetText(inner);
        if (keys.TryGetValue("revision", out YamlNode? revision)
            && YamlReader.GetText(revision) is { } revisionName
            && !string.IsNullOrEmpty(text))
        {
            text = $"{text}@{revisionName}";
        }

        if (keys.TryGetValue("override_architecture", out YamlNode? architecture)
            && YamlReader.GetText(architecture) is { } architectureName)
        {
            _yaml.Add(architecture, $"override_architecture {Printable.Escape(architectureName)} has no meaning here: "
                + "tensors are found by their names in the files, not by tables of architectures. Remedy: leave it out.");
        }

        if (keys.TryGetValue("lora", out YamlNode? lora) && YamlReader.GetText(lora) is { } adapter)
        {
            text = $"{text}+{adapter}";
        }

        return text;
    }

    private RecipeRule? Rule(YamlNode node)
    {
        Dictionary<string, YamlNode> keys =
            _yaml.ReadMapping(node, "a rule", "layers", "filter", "kind", "merge_method", "source", "parameters");
        List<LayerSelector> selectors = Selectors(keys);
        ModelReference? source = Model(keys.GetValueOrDefault("source"), "source");
        string? method = keys.TryGetValue("merge_method", out YamlNode? methodNode) ? _yaml.ReadText(methodNode, "merge_method") : null;
        if (method is not null && MethodNames.IsWholeModel(method))
        {
            _yaml.Add(methodNode!, $"{method} is a whole merge and cannot be used in a rule.");
        }
        else if (method is not null && !MethodNames.IsMethod(method))
        {
            _yaml.Add(methodNode!, MethodNames.NoSuchMethod(method));
        }

        if (!keys.ContainsKey("layers") && !keys.ContainsKey("filter") && !keys.ContainsKey("kind"))
        {
            _yaml.Add(node, "a rule needs layers, filter or kind: where it holds.");
            return null;
        }

        if (method is null && source is null)
        {
            _yaml.Add(node, "a rule needs merge_method, or source: whose bytes are taken.");
            return null;
        }

        if (selectors.Count == 0)
        {
            // Selectors has reported the problem.
            return null;
        }

        if (source is not null && (method is not null || keys.ContainsKey("parameters")))
        {
            string excluded = method is not null ? "merge_method" : "parameters";
            _yaml.Add(node, $"a rule with source copies bytes; {excluded} cannot be combined with it. Remedy: remove one of them.");
        }

        Settings parameters = Parameters(keys.GetValueOrDefault("parameters"), "parameters");
        return new RecipeRule(selectors.Aggregate((a, b) => a & b), method ?? "take", source, parameters, LineColumn.Of(node.Start));
    }

    private List<LayerSelector> Selectors(Dictionary<string, YamlNode> keys)
    {
        List<LayerSelector> selectors = [];
        if (keys.TryGetValue("layers", out YamlNode? layers))
        {
            selectors.Add(LayersOf(layers));
        }

        if (keys.TryGetValue("filter", out YamlNode? filter) && _yaml.ReadText(filter, "filter") is { } part)
        {
            selectors.Add(SelectorParser.Containing(part));
        }

        if (keys.TryGetValue("kind", out YamlNode? kind))
        {
            if (SelectorParser.TryKind(YamlReader.GetText(kind)) is { } value)
            {
                selectors.Add(Layers.OfKind(value));
            }
            else
            {
                string kinds = string.Join(", ", Enum.GetNames<TensorKind>().Select(k => k.ToLowerInvariant()));
                _yaml.Add(kind, $"kind is {YamlReader.Describe(kind)}; one of {kinds} is expected.");
            }
        }

        return selectors;
    }

    /// <summary>Reads layer numbers, and inclusive ranges such as <c>0-4</c>.</summary>
    private LayerSelector LayersOf(YamlNode node)
    {
        List<int> numbers = [];
        foreach (YamlNode item in node is YamlSequenceNode list ? list.Children : [node])
        {
            if (SelectorParser.TryLayers(YamlReader.GetText(item) ?? "") is { } found)
            {
                numbers.AddRange(found);
            }
            else
            {
                _yaml.Add(item, $"layers is {YamlReader.Describe(item)}; numbers and ranges are expected, such as [0, 1, 30-31].");
            }
        }

        return Layers.At([.. numbers]);
    }
}
