using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace LayerSwap.Cli;

/// <summary>Creates options for enum names and integers. Their errors name the values expected, not a .NET type.</summary>
internal static class OptionFactory
{
    /// <summary>Creates an option for one name.</summary>
    public static Option<T> CreateEnum<T>(string name, string description, string helpName)
        where T : struct, Enum => new(name)
        {
            Description = description,
            HelpName = helpName,
            CustomParser = result => Parse<T>(result, name, Text(result), Text(result), Enum.GetNames<T>()),
        };

    /// <summary>Creates an option for one name, which may be given several times.</summary>
    public static Option<T[]> CreateEnumList<T>(string name, string description, string helpName)
        where T : struct, Enum
    {
        string[] words = [.. Enum.GetNames<T>().Where(n => !n.Equals("None", StringComparison.Ordinal))];
        return new(name)
        {
            Description = description,
            HelpName = helpName,
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = false,
            CustomParser = result =>
            [
                .. result.Tokens.Select(t =>
                    Parse<T>(result, name, t.Value, t.Value.Replace("_", "", StringComparison.Ordinal), words)),
            ],
        };
    }

    public static Option<int?> CreateInteger(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => int.TryParse(Text(result), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number)
            ? number
            : Refuse<int?>(result, Text(result), name, "a whole number"),
    };

    // Enum.TryParse would accept numbers too, even without a name.
    private static T Parse<T>(ArgumentResult result, string name, string text, string word, string[] words)
        where T : struct, Enum =>
        Array.Find(words, w => string.Equals(w, word, StringComparison.OrdinalIgnoreCase)) is { } found
            ? Enum.Parse<T>(found)
            : Refuse<T>(result, text, name, AnyOf(words));

    private static string AnyOf(string[] words) =>
        string.Join(", ", words.SkipLast(1)).ToLowerInvariant() + " or " + words[^1].ToLowerInvariant();

    private static string Text(ArgumentResult result) => result.Tokens.Count == 0 ? "" : result.Tokens[0].Value;

    private static T? Refuse<T>(ArgumentResult result, string text, string name, string expected)
    {
        result.AddError($"{name} {text}: {expected} is expected.");
        return default;
    }
}
