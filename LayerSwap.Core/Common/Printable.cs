using System.Globalization;
using System.Text;

namespace LayerSwap;

/// <summary>Makes names out of files harmless in messages and tables: a tensor's name may hold anything, escape sequences too.</summary>
public static class Printable
{
    private const int Longest = 200;

    /// <summary>The text with control, format and lone surrogate characters written as <c>\uXXXX</c>, cut after 200 characters.</summary>
    public static string Escape(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        bool clean = text.Length <= Longest;
        for (int i = 0; clean && i < text.Length; i++)
        {
            clean = !NeedsEscape(text, i);
        }

        if (clean)
        {
            return text;
        }

        StringBuilder escaped = new();
        int end = text.Length <= Longest ? text.Length : char.IsSurrogatePair(text[Longest - 1], text[Longest]) ? Longest - 1 : Longest;
        for (int i = 0; i < end; i++)
        {
            _ = NeedsEscape(text, i)
                ? escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:X4}")
                : escaped.Append(text[i]);
        }

        if (end < text.Length)
        {
            escaped.Append(CultureInfo.InvariantCulture, $"... ({text.Length} characters)");
        }

        return escaped.ToString();
    }

    /// <summary>The first names of a list, escaped, and how many more there are.</summary>
    internal static string List(IReadOnlyCollection<string> names, int most) =>
        string.Join(", ", names.Take(most).Select(Escape)) + (names.Count > most ? string.Create(CultureInfo.InvariantCulture, $" and {names.Count - most} more") : "");

    private static bool NeedsEscape(string text, int index) =>
        CharUnicodeInfo.GetUnicodeCategory(text, index > 0 && char.IsSurrogatePair(text[index - 1], text[index]) ? index - 1 : index)
            is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate;
}
