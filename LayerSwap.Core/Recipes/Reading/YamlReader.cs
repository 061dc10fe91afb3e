using System.Globalization;
using LayerSwap.Common;
using YamlDotNet.RepresentationModel;

namespace LayerSwap.Recipes;

/// <summary>Reads YAML nodes and notes what is wrong with them, with its place; several things at once.</summary>
internal sealed class YamlReader(string file)
{
    /// <summary>Nobody reads on; and a long file of nothing but mistakes would fill the memory with their names.</summary>
    private const int MostProblems = 100;

    private readonly List<(LineColumn Place, string Text)> _problems = [];

    public void Add(LineColumn place, string text)
    {
        if (_problems.Count < MostProblems)
        {
            _problems.Add((place, text));
        }
    }

    /// <summary>A place with its file, as problems begin.</summary>
    public string At(LineColumn place) => $"{Printable.Escape(file)}, {place}";

    public void Add(YamlNode node, string text) => Add(LineColumn.Of(node.Start), text);

    /// <exception cref="RecipeException">Something is wrong.</exception>
    public void ThrowIfAny()
    {
        if (_problems.Count > 0)
        {
            throw new RecipeException([.. _problems.OrderBy(p => p.Place.Line).ThenBy(p => p.Place.Column).Select(p => $"{At(p.Place)}: {p.Text}").Distinct(StringComparer.Ordinal)]);
        }
    }

    /// <summary>The members of a mapping, those of <c>&lt;&lt;</c> included; keys that are not known are problems.</summary>
    public Dictionary<string, YamlNode> Members(YamlNode node, string what, params string[] known)
    {
        Dictionary<string, YamlNode> members = new(StringComparer.Ordinal);
        if (node is not YamlMappingNode mapping)
        {
            Add(node, $"{what} is {Kind(node)}; keys with values are expected.");
            return members;
        }

        foreach ((YamlNode key, YamlNode value) in mapping.Children)
        {
            string name = Text(key) ?? "";
            if (name == "<<" && value is YamlMappingNode or YamlSequenceNode)
            {
                // Of several that are merged the first that has a key gives it.
                IEnumerable<YamlNode> merged = value is YamlSequenceNode list ? list.Children : [value];
                foreach ((string inner, YamlNode innerValue) in merged.SelectMany(m => Members(m, what, known)))
                {
                    members.TryAdd(inner, innerValue);
                }
            }
            else if (known.Length > 0 && !known.Contains(name, StringComparer.Ordinal))
            {
                if (_problems.Count == MostProblems)
                {
                    break;
                }

                string? parameter = known.Contains("parameters", StringComparer.Ordinal) && Common.ClosestMatch.Slip(name, known) is null ? Common.ClosestMatch.Slip(name, MethodNames.Parameters) : null;
                Add(key, parameter is null ? $"{what} has the unknown key {Printable.Escape(name)}; nearest is {Common.ClosestMatch.To(name, known)}. Known are {string.Join(", ", known)}."
                    : $"{what} has the unknown key {Printable.Escape(name)}. Remedy: parameters stand under the key parameters, {(MethodNames.IsPerSource(parameter) ? "here" : "of the recipe or of a slice")}, as parameters: {{{parameter}: ...}}.");
            }
            else
            {
                members[name] = value;
            }
        }

        return members;
    }

    public IReadOnlyList<YamlNode> Items(YamlNode node, string what)
    {
        if (node is YamlSequenceNode { Children.Count: > 0 } list)
        {
            return [.. list.Children];
        }

        Add(node, $"{what} is {Kind(node)}; a list of at least one is expected.");
        return [];
    }

    /// <summary>A scalar's text, or null for <c>null</c> and for what is none.</summary>
    public static string? Text(YamlNode? node) => node is YamlScalarNode { Value: { } value } scalar && !(scalar.Style == YamlDotNet.Core.ScalarStyle.Plain && value is "" or "null" or "~" or "Null" or "NULL") ? value : null;

    /// <summary>Whether it is <c>null</c>, or nothing: as if the key were not there.</summary>
    public static bool IsNull(YamlNode node) => node is YamlScalarNode && Text(node) is null;

    public string? RequireText(YamlNode node, string what)
    {
        string? text = Text(node);
        if (text is null)
        {
            Add(node, $"{what} is {Kind(node)}; a text is expected.");
        }

        return text;
    }

    public bool? Switch(YamlNode node, string what)
    {
        bool? value = Boolean(Text(node));
        if (value is null)
        {
            Add(node, $"{what} is {Kind(node)}; true or false is expected.");
        }

        return value;
    }

    public long? Whole(YamlNode node, string what)
    {
        if (long.TryParse(Text(node), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
        {
            return value;
        }

        Add(node, $"{what} is {Kind(node)}; a whole number is expected.");
        return null;
    }

    /// <summary>A number; true and false are 1 and 0.</summary>
    public static double? Number(YamlNode node) => Text(node) is not { } text ? null
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) ? value
        : Boolean(text) is { } on ? (on ? 1 : 0)
        : null;

    public static string Kind(YamlNode node) => node switch
    {
        YamlScalarNode scalar => Text(scalar) is { } text ? Printable.Escape(text.Length > 60 ? text[..60] + "..." : text) : "empty",
        YamlSequenceNode list => list.Children.Count == 0 ? "an empty list" : "a list",
        _ => "a mapping",
    };

    private static bool? Boolean(string? text) => text switch
    {
        "true" or "True" or "TRUE" or "yes" or "Yes" or "on" or "On" => true,
        "false" or "False" or "FALSE" or "no" or "No" or "off" or "Off" => false,
        _ => null,
    };
}
