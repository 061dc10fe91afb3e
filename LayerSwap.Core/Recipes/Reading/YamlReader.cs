using System.Globalization;
using LayerSwap.Common;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace LayerSwap.Recipes;

/// <summary>Reads YAML nodes, and collects problems with their positions.</summary>
internal sealed class YamlReader(string file)
{
    /// <summary>Limits the memory that problems of a long invalid file take.</summary>
    private const int MaxProblems = 100;

    private const int MaxQuoted = 60;

    private readonly List<(LineColumn Place, string Text)> _problems = [];

    public void Add(LineColumn place, string text)
    {
        if (_problems.Count < MaxProblems)
        {
            _problems.Add((place, text));
        }
    }

    /// <summary>Formats a position with its file.</summary>
    public string FormatPosition(LineColumn place) => $"{Printable.Escape(file)}, {place}";

    public void Add(YamlNode node, string text) => Add(LineColumn.Of(node.Start), text);

    /// <exception cref="RecipeException">There are problems.</exception>
    public void ThrowIfAny()
    {
        if (_problems.Count > 0)
        {
            IEnumerable<string> sorted = _problems.OrderBy(p => p.Place.Line)
                .ThenBy(p => p.Place.Column)
                .Select(p => $"{FormatPosition(p.Place)}: {p.Text}");
            throw new RecipeException([.. sorted.Distinct(StringComparer.Ordinal)]);
        }
    }

    /// <summary>Reads the members of a mapping, merge keys (<c>&lt;&lt;</c>) included. Unknown keys are problems.</summary>
    public Dictionary<string, YamlNode> ReadMapping(YamlNode node, string what, params string[] known)
    {
        Dictionary<string, YamlNode> members = new(StringComparer.Ordinal);
        if (node is not YamlMappingNode mapping)
        {
            Add(node, $"{what} is {Describe(node)}; keys with values are expected.");
            return members;
        }

        foreach ((YamlNode key, YamlNode value) in mapping.Children)
        {
            string name = GetText(key) ?? "";
            if (name == "<<" && value is YamlMappingNode or YamlSequenceNode)
            {
                // The first merged mapping that has a key wins.
                IEnumerable<YamlNode> merged = value is YamlSequenceNode list ? list.Children : [value];
                foreach ((string inner, YamlNode innerValue) in merged.SelectMany(m => ReadMapping(m, what, known)))
                {
                    members.TryAdd(inner, innerValue);
                }
            }
            else if (known.Length > 0 && !known.Contains(name, StringComparer.Ordinal))
            {
                if (_problems.Count == MaxProblems)
                {
                    break;
                }

                AddUnknownKey(key, name, what, known);
            }
            else
            {
                members[name] = value;
            }
        }

        return members;
    }

    private void AddUnknownKey(YamlNode key, string name, string what, string[] known)
    {
        string problem = $"{what} has the unknown key {Printable.Escape(name)}";
        bool mayBeParameter = known.Contains("parameters", StringComparer.Ordinal) && ClosestMatch.FindTypo(name, known) is null;
        if (mayBeParameter && ClosestMatch.FindTypo(name, MethodNames.Parameters) is { } parameter)
        {
            string place = MethodNames.IsPerSource(parameter) ? "here" : "of the recipe or of a slice";
            Add(key, $"{problem}. Remedy: parameters belong under the key parameters, {place}, "
                + $"as parameters: {{{parameter}: ...}}.");
        }
        else
        {
            Add(key, $"{problem}; nearest is {ClosestMatch.Find(name, known)}. Known are {string.Join(", ", known)}.");
        }
    }

    public IReadOnlyList<YamlNode> ReadList(YamlNode node, string what)
    {
        if (node is YamlSequenceNode { Children.Count: > 0 } list)
        {
            return [.. list.Children];
        }

        Add(node, $"{what} is {Describe(node)}; a list of at least one is expected.");
        return [];
    }

    /// <summary>The text of a scalar; null for <c>null</c>, and for nodes that are no scalars.</summary>
    public static string? GetText(YamlNode? node)
    {
        if (node is not YamlScalarNode { Value: { } value } scalar)
        {
            return null;
        }

        bool isNull = scalar.Style == ScalarStyle.Plain && value is "" or "null" or "~" or "Null" or "NULL";
        return isNull ? null : value;
    }

    /// <summary>Whether a scalar is <c>null</c> or empty, as if its key were missing.</summary>
    public static bool IsNull(YamlNode node) => node is YamlScalarNode && GetText(node) is null;

    public string? ReadText(YamlNode node, string what)
    {
        string? text = GetText(node);
        if (text is null)
        {
            Add(node, $"{what} is {Describe(node)}; a text is expected.");
        }

        return text;
    }

    public bool? ReadBoolean(YamlNode node, string what)
    {
        bool? value = Boolean(GetText(node));
        if (value is null)
        {
            Add(node, $"{what} is {Describe(node)}; true or false is expected.");
        }

        return value;
    }

    public long? ReadInteger(YamlNode node, string what)
    {
        if (long.TryParse(GetText(node), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
        {
            return value;
        }

        Add(node, $"{what} is {Describe(node)}; a whole number is expected.");
        return null;
    }

    /// <summary>Reads a finite number; true and false are 1 and 0. Null for anything else.</summary>
    public static double? GetNumber(YamlNode node)
    {
        string? text = GetText(node);
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value))
        {
            return value;
        }

        return Boolean(text) switch
        {
            true => 1,
            false => 0,
            null => null,
        };
    }

    /// <summary>Describes a node in a message: the text of a scalar, or the kind of node.</summary>
    public static string Describe(YamlNode node) => node switch
    {
        YamlScalarNode when GetText(node) is { Length: > MaxQuoted } text => Printable.Escape(text[..MaxQuoted] + "..."),
        YamlScalarNode => GetText(node) is { } text ? Printable.Escape(text) : "empty",
        YamlSequenceNode { Children.Count: 0 } => "an empty list",
        YamlSequenceNode => "a list",
        _ => "a mapping",
    };

    private static bool? Boolean(string? text) => text switch
    {
        "true" or "True" or "TRUE" or "yes" or "Yes" or "on" or "On" => true,
        "false" or "False" or "FALSE" or "no" or "No" or "off" or "Off" => false,
        _ => null,
    };
}
