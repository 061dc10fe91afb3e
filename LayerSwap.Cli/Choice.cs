using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace LayerSwap.Cli;

/// <summary>Options for one of a few words, or for a whole number; what does not fit is answered with what is expected, not with the name of a type.</summary>
internal static class Choice
{
    public static Option<T> Of<T>(string name, string description, string helpName)
        where T : struct, Enum => new(name)
        {
            Description = description,
            HelpName = helpName,
            // Enum.TryParse would take numbers too, of words that are not there.
            CustomParser = result => Array.Find(Enum.GetNames<T>(), n => string.Equals(n, Text(result), StringComparison.OrdinalIgnoreCase)) is { } word
                ? Enum.Parse<T>(word)
                : Refuse<T>(result, name, AnyOf(Enum.GetNames<T>())),
        };

    /// <summary>One of a few words, several times.</summary>
    public static Option<T[]> Several<T>(string name, string description, string helpName)
        where T : struct, Enum
    {
        string[] words = [.. Enum.GetNames<T>().Where(n => !n.Equals("None", StringComparison.Ordinal))];
        return new(name)
        {
            Description = description,
            HelpName = helpName,
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = false,
            CustomParser = result => [.. result.Tokens.Select(t => Array.Find(words, w => string.Equals(w, t.Value.Replace("_", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase)) is { } word
                ? Enum.Parse<T>(word)
                : Refuse<T>(result, t.Value, name, AnyOf(words)))],
        };
    }

    public static Option<int?> Number(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => int.TryParse(Text(result), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number)
            ? number
            : Refuse<int?>(result, name, "a whole number"),
    };

    private static string AnyOf(string[] words) => string.Join(", ", words.SkipLast(1)).ToLowerInvariant() + " or " + words[^1].ToLowerInvariant();

    private static string Text(ArgumentResult result) => result.Tokens.Count == 0 ? "" : result.Tokens[0].Value;

    private static T? Refuse<T>(ArgumentResult result, string name, string expected) => Refuse<T>(result, Text(result), name, expected);

    private static T? Refuse<T>(ArgumentResult result, string text, string name, string expected)
    {
        result.AddError($"{name} {text}: {expected} is expected.");
        return default;
    }
}
