using System.Globalization;
using LayerSwap.Common;
using LayerSwap.LayerMaps;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace LayerSwap.Recipes;

/// <summary>Understands the text of a recipe: mergekit's grammar, and LayerSwap's few additions.</summary>
internal sealed class RecipeReader
{
    /// <summary>Keys that old recipes have, and that no version does anything with any more.</summary>
    private static readonly string[] Obsolete = ["embed_slerp", "residual_weight"];

    private static readonly string[] Keys =
    [
        "merge_method", "models", "slices", "modules", "base_model", "parameters", "dtype", "out_dtype", "tokenizer_source", "tokenizer", "chat_template", "name", "rules", "vocabulary", "map", "stack",
    ];

    private const int LongestConstant = 200;

    private readonly YamlReader _yaml;
    private List<string> _obsolete = [];

    private RecipeReader(YamlReader yaml) => _yaml = yaml;

    /// <exception cref="RecipeException">It cannot be understood.</exception>
    public static IReadOnlyList<RecipeDocument> Read(string text, string file)
    {
        YamlStream stream = [];
        try
        {
            stream.Load(new RecipeConstants(new BoundedParser(new Parser(new StringReader(text))), [.. Keys, .. Obsolete]));
        }
        // The parser loses its way in some texts and says so by InvalidOperationException.
        catch (Exception e) when (e is YamlException or ArgumentException or InvalidOperationException)
        {
            LineColumn place = e is YamlException yamlError ? LineColumn.Of(yamlError.Start) : new LineColumn(1, 1);
            throw new RecipeException([$"{Printable.Escape(file)}, {place}: this is not YAML: {Printable.Escape(e.Message)}"], e);
        }

        YamlReader yaml = new(file);
        RecipeReader reader = new(yaml);
        YamlNode[] roots = [.. stream.Documents.Select(d => d.RootNode).Where(n => n is not YamlScalarNode { Value: null or "" })];
        if (roots.Length == 0)
        {
            yaml.Add(new LineColumn(1, 1), "the recipe is empty; at least merge_method and models are expected.");
        }

        RecipeDocument?[] documents = [.. roots.Select(reader.Document)];
        foreach ((RecipeDocument? second, int i) in documents.Select((d, i) => (d, i)).Where(d => d.d?.Name is { } name && documents.Take(d.i).Any(before => before?.Name == name)))
        {
            yaml.Add(roots[i], $"a document before this one is called {Printable.Escape(second!.Name!)} too; each needs a name of its own.");
        }

        foreach (int i in Enumerable.Range(0, documents.Length).Where(i => documents[i] is { Name: null }).SkipLast(1))
        {
            yaml.Add(roots[i], "of several documents all but one need a name, by which others use them; the one without a name is the result.");
        }

        yaml.ThrowIfAny();
        return InOrder([.. documents.OfType<RecipeDocument>()]);
    }

    /// <summary>Documents in an order in which each comes after those that it uses; the result, which has no name or is the last, at the end.</summary>
    private static List<RecipeDocument> InOrder(List<RecipeDocument> documents)
    {
        RecipeDocument? result = documents.Find(d => d.Name is null) ?? documents.LastOrDefault();
        List<RecipeDocument> ordered = [], left = [.. documents.Where(d => d != result)];
        while (left.Count > 0)
        {
            // In a circle the first goes on, and is told that what it uses comes later.
            RecipeDocument next = left.Find(d => !d.References.Any(r => left.Any(other => other != d && other.Name == r.Path))) ?? left[0];
            ordered.Add(next);
            left.Remove(next);
        }

        return result is null ? ordered : [.. ordered, result];
    }

    private RecipeDocument? Document(YamlNode root)
    {
        List<string> obsolete = _obsolete = [];
        if (root is YamlMappingNode mapping)
        {
            foreach ((YamlNode key, _) in mapping.Children.Where(c => YamlReader.Text(c.Key) is { } own && Obsolete.Contains(own, StringComparer.Ordinal)).ToList())
            {
                obsolete.Add(YamlReader.Text(key)!);
                mapping.Children.Remove(key);
            }

            // Constants: keys of one's own whose values only carry anchors.
            foreach ((YamlNode key, _) in mapping.Children.Where(c => YamlReader.Text(c.Key) is { } own && !Keys.Contains(own, StringComparer.Ordinal) && own != "<<" && own.Length < LongestConstant && Common.ClosestMatch.Slip(own, Keys) is null && CarriesAnchor(c.Value)).ToList())
            {
                mapping.Children.Remove(key);
            }
        }

        Dictionary<string, YamlNode> keys = _yaml.Members(root, "the recipe", Keys);
        foreach (string empty in keys.Where(k => YamlReader.IsNull(k.Value) && k.Key != "merge_method").Select(k => k.Key).ToList())
        {
            keys.Remove(empty);
        }

        string[] given = [.. ((string[])["models", "slices", "modules"]).Where(k => keys.TryGetValue(k, out YamlNode? node) && node is not YamlSequenceNode { Children.Count: 0 })];
        if (given.Length == 1)
        {
            Array.ForEach([.. ((string[])["models", "slices", "modules"]).Except(given, StringComparer.Ordinal)], k => keys.Remove(k));
        }

        string? name = keys.TryGetValue("name", out YamlNode? named) ? _yaml.RequireText(named, "name") : null;
        string? method = keys.TryGetValue("merge_method", out YamlNode? methodNode) ? _yaml.RequireText(methodNode, "merge_method") : null;
        if (methodNode is null)
        {
            _yaml.Add(root, "merge_method is missing.");
        }

        if (method is not null && !MethodNames.IsMethod(method))
        {
            _yaml.Add(methodNode!, MethodNames.NoSuchMethod(method));
        }

        string[] contents = [.. ((string[])["models", "slices", "modules"]).Where(keys.ContainsKey)];
        if (contents.Length != 1)
        {
            _yaml.Add(root, contents.Length == 0 ? "models, slices or modules is missing; one of them is expected." : $"{string.Join(" and ", contents)} are both there; one of models, slices and modules is expected.");
        }

        return new RecipeDocument
        {
            Name = name,
            Method = method ?? "",
            MethodPlace = LineColumn.Of((methodNode ?? root).Start),
            Base = Model(keys.GetValueOrDefault("base_model"), "base_model"),
            Modules = Modules(keys),
            Parameters = Parameters(keys.GetValueOrDefault("parameters"), "parameters"),
            DType = DTypeOf(keys, "out_dtype") ?? DTypeOf(keys, "dtype"),
            Vocabulary = Vocabulary(keys.GetValueOrDefault("vocabulary")),
            Tokenizer = Tokenizer(keys),
            ChatTemplate = keys.TryGetValue("chat_template", out YamlNode? template) ? YamlReader.Text(template) : null,
            Map = keys.TryGetValue("map", out YamlNode? map) ? [.. _yaml.Items(map, "map").Where(m => YamlReader.Text(m) != NamePrefix.Experts).SelectMany(Prefixes)] : [],
            ExpertsApart = map is YamlSequenceNode maps && maps.Any(m => YamlReader.Text(m) == NamePrefix.Experts),
            Stack = keys.TryGetValue("stack", out YamlNode? stack) ? _yaml.RequireText(stack, "stack") : null,
            Obsolete = obsolete,
            Rules = keys.TryGetValue("rules", out YamlNode? rules) ? [.. _yaml.Items(rules, "rules").Select(Rule).OfType<RecipeRule>()] : [],
        };
    }

    /// <summary>Keys without obsolete ones, which are noted.</summary>
    private Dictionary<string, YamlNode> WithoutObsolete(Dictionary<string, YamlNode> keys)
    {
        foreach (string old in Obsolete.Where(keys.Remove))
        {
            _obsolete.Add(old);
        }

        return keys;
    }

    /// <summary>Whether a value is there for an anchor that it, or a part of it, has.</summary>
    private static bool CarriesAnchor(YamlNode node) => !node.Anchor.IsEmpty || node switch
    {
        YamlSequenceNode list => list.Children.Any(CarriesAnchor),
        YamlMappingNode map => map.Children.Values.Any(CarriesAnchor),
        _ => false,
    };

    private IReadOnlyList<NamePrefix> Prefixes(YamlNode node)
    {
        if (NamePrefix.TryParse(YamlReader.Text(node)) is { } prefixes)
        {
            return prefixes;
        }

        _yaml.Add(node, $"map has {Printable.Escape(YamlReader.Text(node) ?? YamlReader.Kind(node))}; OLD=NEW, or one of {NamePrefix.Experts}, {string.Join(", ", NamePrefix.Known.Keys)}, is expected.");
        return [];
    }

    private List<RecipeModule> Modules(Dictionary<string, YamlNode> keys)
    {
        if (!keys.TryGetValue("modules", out YamlNode? modules))
        {
            return [new RecipeModule(null, Slices(keys), [], new LineColumn(1, 1))];
        }

        List<RecipeModule> found = [];
        foreach ((string name, YamlNode node) in _yaml.Members(modules, "modules"))
        {
            Dictionary<string, YamlNode> inner = _yaml.Members(node, $"module {Printable.Escape(name)}", "models", "slices", "parameters").Where(k => !YamlReader.IsNull(k.Value)).ToDictionary(StringComparer.Ordinal);
            if (inner.ContainsKey("models") == inner.ContainsKey("slices"))
            {
                _yaml.Add(node, $"module {Printable.Escape(name)} needs either models or slices.");
            }

            found.Add(new RecipeModule(name == "default" ? null : name, Slices(inner), Parameters(inner.GetValueOrDefault("parameters"), "parameters"), LineColumn.Of(node.Start)));
        }

        return found;
    }

    private List<RecipeSlice> Slices(Dictionary<string, YamlNode> keys)
    {
        if (keys.TryGetValue("models", out YamlNode? models))
        {
            return [new RecipeSlice([.. _yaml.Items(models, "models").Select(m => Source(m, ranged: false)).OfType<RecipeSource>()], null, [], LineColumn.Of(models.Start))];
        }

        List<RecipeSlice> slices = [];
        foreach (YamlNode node in keys.TryGetValue("slices", out YamlNode? list) ? _yaml.Items(list, "slices") : [])
        {
            Dictionary<string, YamlNode> inner = WithoutObsolete(_yaml.Members(node, "a slice", ["sources", "base_model", "parameters", .. Obsolete]));
            if (!inner.TryGetValue("sources", out YamlNode? sources))
            {
                _yaml.Add(node, "a slice needs sources.");
                continue;
            }

            RecipeSource[] found = [.. _yaml.Items(sources, "sources").Select(m => Source(m, ranged: true)).OfType<RecipeSource>()];
            // A reversed range is told already.
            int[] heights = [.. found.Where(s => s.Layers is { } l && l.End > l.Start).Select(s => s.Layers!.Value.End - s.Layers.Value.Start).Distinct()];
            if (heights.Length > 1)
            {
                _yaml.Add(sources, $"the sources of a slice have {string.Join(" and ", heights)} layers; the same number is expected of all.");
            }

            slices.Add(new RecipeSlice(found, Model(inner.GetValueOrDefault("base_model"), "base_model"), Parameters(inner.GetValueOrDefault("parameters"), "parameters"), LineColumn.Of(node.Start)));
        }

        if (keys.TryGetValue("slices", out YamlNode? whole) && slices.Count > 0 && slices.All(s => s.Sources.Count > 0 && s.Sources.All(x => x.Layers is { } empty && empty.Start == empty.End)))
        {
            _yaml.Add(whole, "every layer_range is empty: the output would have no layers.");
        }

        return slices;
    }

    private RecipeSource? Source(YamlNode node, bool ranged)
    {
        // A bare path stands for a model without parameters.
        if (!ranged && YamlReader.Text(node) is not null)
        {
            return new RecipeSource(Model(node, "model")!, null, [], LineColumn.Of(node.Start));
        }

        Dictionary<string, YamlNode> keys = ranged ? _yaml.Members(node, "a source", "model", "layer_range", "parameters") : _yaml.Members(node, "a model", "model", "parameters");
        if (!keys.TryGetValue("model", out YamlNode? path) || Model(path, "model") is not { } model)
        {
            _yaml.Add(node, "model is missing.");
            return null;
        }

        (int, int)? range = null;
        if (ranged)
        {
            if (!keys.TryGetValue("layer_range", out YamlNode? rangeNode))
            {
                _yaml.Add(node, "layer_range is missing: the first layer, and the one after the last.");
            }
            else if (rangeNode is YamlSequenceNode { Children: [YamlNode first, YamlNode end] })
            {
                if (_yaml.Whole(first, "layer_range") is { } start && _yaml.Whole(end, "layer_range") is { } past)
                {
                    range = ((int)Math.Clamp(start, int.MinValue, int.MaxValue), (int)Math.Clamp(past, int.MinValue, int.MaxValue));
                    if (start < 0 || past < start)
                    {
                        _yaml.Add(rangeNode, $"layer_range is [{start}, {past}]; the first layer, from 0, and the one after the last are expected, in this order.");
                    }
                }
            }
            else
            {
                string length = rangeNode is YamlSequenceNode { Children.Count: > 0 and not 2 } list ? $" of {list.Children.Count}" : "";
                _yaml.Add(rangeNode, $"layer_range is {YamlReader.Kind(rangeNode)}{length}; two whole numbers are expected, such as [0, 16].");
            }
        }

        return new RecipeSource(model, range, Parameters(keys.GetValueOrDefault("parameters"), "parameters"), LineColumn.Of(node.Start));
    }

    private ModelReference? Model(YamlNode? node, string what)
    {
        if (node is null || (what == "base_model" && YamlReader.IsNull(node)))
        {
            return null;
        }

        string? text;
        if (node is YamlMappingNode)
        {
            // The long form: {model: {path, revision}, lora: ...}.
            Dictionary<string, YamlNode> keys = _yaml.Members(node, what, "model", "path", "revision", "lora", "override_architecture");
            YamlNode? inner = keys.GetValueOrDefault("model") ?? keys.GetValueOrDefault("path");
            text = inner is YamlMappingNode ? Model(inner, what)?.Path : YamlReader.Text(inner);
            if (keys.TryGetValue("revision", out YamlNode? revision) && YamlReader.Text(revision) is { } wanted && !string.IsNullOrEmpty(text))
            {
                text = $"{text}@{wanted}";
            }

            if (keys.TryGetValue("override_architecture", out YamlNode? architecture) && YamlReader.Text(architecture) is { } named)
            {
                _yaml.Add(architecture, $"override_architecture {Printable.Escape(named)} has no meaning here: the names of tensors that are really there rule, not tables of architectures. Remedy: leave it out.");
            }

            if (keys.TryGetValue("lora", out YamlNode? lora) && YamlReader.Text(lora) is not null)
            {
                text = $"{text}+{YamlReader.Text(lora)}";
            }
        }
        else
        {
            text = _yaml.RequireText(node, what);
        }

        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        return new ModelReference(text, LineColumn.Of(node.Start));
    }

    private Settings Parameters(YamlNode? node, string what)
    {
        Settings settings = [];
        if (node is null || (node is YamlScalarNode && YamlReader.Text(node) is null))
        {
            return settings;
        }

        foreach ((string name, YamlNode value) in WithoutObsolete(_yaml.Members(node, what)))
        {
            LineColumn place = LineColumn.Of(value.Start);
            if (MethodNames.Words.Contains(name, StringComparer.Ordinal) && YamlReader.Text(value) is { } word)
            {
                settings[name] = new Setting(name, [], word, place);
            }
            else if (YamlReader.Text(value) is not null || value is not YamlScalarNode)
            {
                settings[name] = new Setting(name, Values(value, name), null, place);
            }
        }

        return settings;
    }

    private List<SettingValue> Values(YamlNode node, string name)
    {
        if (node is YamlSequenceNode list && list.Children.Any(c => c is YamlMappingNode))
        {
            return [.. list.Children.SelectMany(c => Values(c, name))];
        }

        if (node is YamlMappingNode)
        {
            Dictionary<string, YamlNode> keys = _yaml.Members(node, name, "filter", "value");
            if (!keys.TryGetValue("value", out YamlNode? value))
            {
                _yaml.Add(node, $"{Printable.Escape(name)} has a filter without a value.");
                return [];
            }

            string? filter = keys.TryGetValue("filter", out YamlNode? text) && !YamlReader.IsNull(text) ? _yaml.RequireText(text, "filter") : null;
            return [new SettingValue(filter == "*" ? null : filter, Gradient(value, name), LineColumn.Of(node.Start))];
        }

        return [new SettingValue(null, Gradient(node, name), LineColumn.Of(node.Start))];
    }

    private double[] Gradient(YamlNode node, string name)
    {
        YamlNode[] numbers = node is YamlSequenceNode list ? [.. list.Children] : [node];
        if (numbers.Length == 0)
        {
            _yaml.Add(node, $"{Printable.Escape(name)} is a gradient with no numbers; at least one is expected.");
        }

        List<double> values = [];
        foreach (YamlNode number in numbers)
        {
            if (YamlReader.Number(number) is { } value)
            {
                values.Add(value);
            }
            else
            {
                _yaml.Add(number, $"{Printable.Escape(name)} is {YamlReader.Kind(number)}; a finite number is expected.");
            }
        }

        return values.Count == 0 ? [0] : [.. values];
    }

    private DType? DTypeOf(Dictionary<string, YamlNode> keys, string name)
    {
        if (!keys.TryGetValue(name, out YamlNode? node) || YamlReader.IsNull(node))
        {
            return null;
        }

        switch (YamlReader.Text(node))
        {
            case "float32": return DType.Float32;
            case "float16": return DType.Float16;
            case "bfloat16": return DType.BFloat16;
            case "float64": return DType.Float64;
            case string or null:
                _yaml.Add(node, $"{name} is {YamlReader.Kind(node)}; float32, float16, bfloat16 or float64 is expected."
                    + (YamlReader.Text(node) == "int64" ? " Whole numbers are never computed with." : ""));
                return null;
        }
    }

    private VocabularyPolicy Vocabulary(YamlNode? node)
    {
        switch (YamlReader.Text(node))
        {
            case "error": return VocabularyPolicy.Error;
            case null when node is null || YamlReader.IsNull(node): return VocabularyPolicy.Error;
            case "truncate": return VocabularyPolicy.Truncate;
            case "pad": return VocabularyPolicy.Pad;
            default:
                _yaml.Add(node!, $"vocabulary is {YamlReader.Kind(node!)}; error, truncate or pad is expected.");
                return VocabularyPolicy.Error;
        }
    }

    private TokenizerRequest? Tokenizer(Dictionary<string, YamlNode> keys)
    {
        if (keys.TryGetValue("tokenizer_source", out YamlNode? source) && YamlReader.Text(source) is { } text)
        {
            if (keys.TryGetValue("tokenizer", out YamlNode? both))
            {
                _yaml.Add(both, "tokenizer and tokenizer_source are both there; one of them is expected.");
            }

            return new TokenizerRequest { Source = text, Model = text is "union" or "base" ? null : Model(source, "tokenizer_source"), Tokens = [], PadTo = 1, Place = LineColumn.Of(source.Start) };
        }

        if (!keys.TryGetValue("tokenizer", out YamlNode? node))
        {
            return null;
        }

        Dictionary<string, YamlNode> inner = _yaml.Members(node, "tokenizer", "source", "tokens", "pad_to_multiple_of");
        string from = inner.TryGetValue("source", out YamlNode? sourceNode) ? YamlReader.Text(sourceNode) ?? Model(sourceNode, "source")?.Path ?? "base" : "union";
        long pad = inner.TryGetValue("pad_to_multiple_of", out YamlNode? padNode) && YamlReader.Text(padNode) is not null ? _yaml.Whole(padNode, "pad_to_multiple_of") ?? 1 : 1;
        if (pad is < 1 or > 1 << 20)
        {
            _yaml.Add(padNode!, $"pad_to_multiple_of is {pad.ToString(CultureInfo.InvariantCulture)}; 1 or more is expected.");
        }

        return new TokenizerRequest
        {
            Source = from,
            Model = from is "union" or "base" ? null : Model(sourceNode, "source"),
            Tokens = inner.TryGetValue("tokens", out YamlNode? tokens) && !YamlReader.IsNull(tokens) ? [.. _yaml.Members(tokens, "tokens").Select(t => Token(t.Key, t.Value)).OfType<TokenRule>()] : [],
            PadTo = pad,
            Place = LineColumn.Of(node.Start),
        };
    }

    private TokenRule? Token(string token, YamlNode node)
    {
        Dictionary<string, YamlNode> keys = _yaml.Members(node, $"token {Printable.Escape(token)}", "source", "force");
        bool force = keys.TryGetValue("force", out YamlNode? forced) && _yaml.Switch(forced, "force") == true;
        if (!keys.TryGetValue("source", out YamlNode? source) || YamlReader.IsNull(source))
        {
            return new TokenRule(token, null, null, null, Zero: false, force, LineColumn.Of(node.Start));
        }

        if (source is not YamlMappingNode mapping || !mapping.Children.Keys.Any(k => YamlReader.Text(k) == "kind"))
        {
            return new TokenRule(token, Model(source, "source"), null, null, Zero: false, force, LineColumn.Of(node.Start));
        }

        Dictionary<string, YamlNode> inner = _yaml.Members(source, "source", "kind", "model", "token", "token_id");
        switch (YamlReader.Text(inner["kind"]))
        {
            case "zero":
                return new TokenRule(token, null, null, null, Zero: true, force, LineColumn.Of(node.Start));
            case "model_token":
                long? id = inner.TryGetValue("token_id", out YamlNode? number) ? _yaml.Whole(number, "token_id") : null;
                string? other = inner.TryGetValue("token", out YamlNode? word) ? YamlReader.Text(word) : null;
                if (!inner.TryGetValue("model", out YamlNode? model) || (id is null) == (other is null))
                {
                    _yaml.Add(source, "a model_token needs model, and either token or token_id.");
                    return null;
                }

                return new TokenRule(token, Model(model, "model"), other, id, Zero: false, force, LineColumn.Of(node.Start));
            default:
                _yaml.Add(inner["kind"], $"kind is {YamlReader.Kind(inner["kind"])}; zero or model_token is expected.");
                return null;
        }
    }

    private RecipeRule? Rule(YamlNode node)
    {
        Dictionary<string, YamlNode> keys = _yaml.Members(node, "a rule", "layers", "filter", "kind", "merge_method", "source", "parameters");
        List<LayerSelector> selectors = [];
        if (keys.TryGetValue("layers", out YamlNode? layers))
        {
            selectors.Add(LayersOf(layers));
        }

        if (keys.TryGetValue("filter", out YamlNode? filter) && _yaml.RequireText(filter, "filter") is { } part)
        {
            selectors.Add(SelectorText.Containing(part));
        }

        if (keys.TryGetValue("kind", out YamlNode? kind))
        {
            if (SelectorText.TryKind(YamlReader.Text(kind)) is { } value)
            {
                selectors.Add(Layers.OfKind(value));
            }
            else
            {
                _yaml.Add(kind, $"kind is {YamlReader.Kind(kind)}; one of {string.Join(", ", Enum.GetNames<TensorKind>().Select(k => k.ToLowerInvariant()))} is expected.");
            }
        }

        ModelReference? source = Model(keys.GetValueOrDefault("source"), "source");
        string? method = keys.TryGetValue("merge_method", out YamlNode? methodNode) ? _yaml.RequireText(methodNode, "merge_method") : null;
        if (method is not null && (!MethodNames.IsMethod(method) || MethodNames.IsWholeModel(method)))
        {
            _yaml.Add(methodNode!, MethodNames.IsWholeModel(method) ? $"{method} is a whole merge and cannot stand in a rule." : MethodNames.NoSuchMethod(method));
        }

        bool placed = keys.ContainsKey("layers") || keys.ContainsKey("filter") || keys.ContainsKey("kind");
        if (!placed || (method is null && source is null))
        {
            _yaml.Add(node, !placed ? "a rule needs layers, filter or kind: where it holds." : "a rule needs merge_method, or source: whose bytes are taken.");
            return null;
        }

        if (selectors.Count == 0)
        {
            // What is wrong with its place is told already.
            return null;
        }

        if (source is not null && (method is not null || keys.ContainsKey("parameters")))
        {
            _yaml.Add(node, $"a rule with source takes its bytes as they are; {(method is not null ? "merge_method" : "parameters")} cannot stand beside it. Remedy: remove one of them.");
        }

        return new RecipeRule(selectors.Aggregate((a, b) => a & b), method ?? "take", source, Parameters(keys.GetValueOrDefault("parameters"), "parameters"), LineColumn.Of(node.Start));
    }

    /// <summary>Numbers, and texts of ranges such as <c>0-4</c>, both ends included.</summary>
    private LayerSelector LayersOf(YamlNode node)
    {
        List<int> numbers = [];
        foreach (YamlNode item in node is YamlSequenceNode list ? list.Children : [node])
        {
            if (SelectorText.TryLayers(YamlReader.Text(item) ?? "") is { } found)
            {
                numbers.AddRange(found);
            }
            else
            {
                _yaml.Add(item, $"layers is {YamlReader.Kind(item)}; numbers and ranges are expected, such as [0, 1, 30-31].");
            }
        }

        return Layers.At([.. numbers]);
    }
}
