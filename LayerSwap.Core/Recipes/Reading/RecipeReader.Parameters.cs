using YamlDotNet.RepresentationModel;

namespace LayerSwap.Recipes;

/// <summary>Parameters, dtypes and the vocabulary policy.</summary>
internal sealed partial class RecipeReader
{
    private Settings Parameters(YamlNode? node, string what)
    {
        Settings settings = [];
        if (node is null || YamlReader.IsNull(node))
        {
            return settings;
        }

        foreach ((string name, YamlNode value) in WithoutObsolete(_yaml.ReadMapping(node, what)))
        {
            LineColumn place = LineColumn.Of(value.Start);
            if (MethodNames.Words.Contains(name, StringComparer.Ordinal) && YamlReader.GetText(value) is { } word)
            {
                settings[name] = new Setting(name, [], word, place);
            }
            else if (!YamlReader.IsNull(value))
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

        if (node is not YamlMappingNode)
        {
            return [new SettingValue(null, Gradient(node, name), LineColumn.Of(node.Start))];
        }

        Dictionary<string, YamlNode> keys = _yaml.ReadMapping(node, name, "filter", "value");
        if (!keys.TryGetValue("value", out YamlNode? value))
        {
            _yaml.Add(node, $"{Printable.Escape(name)} has a filter without a value.");
            return [];
        }

        string? filter = keys.TryGetValue("filter", out YamlNode? text) && !YamlReader.IsNull(text)
            ? _yaml.ReadText(text, "filter")
            : null;
        return [new SettingValue(filter == "*" ? null : filter, Gradient(value, name), LineColumn.Of(node.Start))];
    }

    /// <summary>Reads one number, or a list of numbers over the layers; 0 if there is none.</summary>
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
            if (YamlReader.GetNumber(number) is { } value)
            {
                values.Add(value);
            }
            else
            {
                _yaml.Add(number, $"{Printable.Escape(name)} is {YamlReader.Describe(number)}; a finite number is expected.");
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

        string? text = YamlReader.GetText(node);
        switch (text)
        {
            case "float32": return DType.Float32;
            case "float16": return DType.Float16;
            case "bfloat16": return DType.BFloat16;
            case "float64": return DType.Float64;
            default:
                string hint = text == "int64" ? " Whole numbers are never computed with." : "";
                _yaml.Add(node, $"{name} is {YamlReader.Describe(node)}; float32, float16, bfloat16 or float64 is expected.{hint}");
                return null;
        }
    }

    private VocabularyPolicy Vocabulary(YamlNode? node)
    {
        if (node is null || YamlReader.IsNull(node))
        {
            return VocabularyPolicy.Error;
        }

        switch (YamlReader.GetText(node))
        {
            case "error": return VocabularyPolicy.Error;
            case "truncate": return VocabularyPolicy.Truncate;
            case "pad": return VocabularyPolicy.Pad;
            default:
                _yaml.Add(node, $"vocabulary is {YamlReader.Describe(node)}; error, truncate or pad is expected.");
                return VocabularyPolicy.Error;
        }
    }
}
