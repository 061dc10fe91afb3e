using System.Globalization;
using System.Text;

namespace LayerSwap;

/// <summary>Makes names from files safe to print. A tensor's name may contain any character, including terminal escape sequences.</summary>
public static class Printable
{
    private const int MaxLength = 200;

    /// <summary>Writes control, format and lone surrogate characters as <c>\uXXXX</c>, and truncates after 200 characters.</summary>
    public static string Escape(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        bool isPlain = text.Length <= MaxLength;
        for (int i = 0; isPlain && i < text.Length; i++)
        {
            isPlain = !NeedsEscape(text, i);
        }

        if (isPlain)
        {
            return text;
        }

        StringBuilder escaped = new();
        int end = text.Length <= MaxLength ? text.Length
            : char.IsSurrogatePair(text[MaxLength - 1], text[MaxLength]) ? MaxLength - 1
            : MaxLength;
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

    /// <summary>Lists the first names, escaped, and the number of the others.</summary>
    internal static string List(IReadOnlyCollection<string> names, int maxCount)
    {
        string more = names.Count > maxCount ? string.Create(CultureInfo.InvariantCulture, $" and {names.Count - maxCount} more") : "";
        return string.Join(", ", names.Take(maxCount).Select(Escape)) + more;
    }

    private static bool NeedsEscape(string text, int index) =>
        CharUnicodeInfo.GetUnicodeCategory(text, index > 0 && char.IsSurrogatePair(text[index - 1], text[index]) ? index - 1 : index)
            is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate;
}
