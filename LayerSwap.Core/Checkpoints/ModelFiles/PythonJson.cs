using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LayerSwap.Checkpoints;

/// <summary>
/// JSON as Python writes it: the bare words NaN, Infinity and -Infinity, which are no JSON, stand in many a config.json; and escapes of lone surrogates, which are no Unicode. Both are read as marked
/// texts and written back as they were. Duplicate names are refused.
/// </summary>
internal static partial class PythonJson
{
    private const string Mark = "\\u0001", SurrogateMark = "\\u0002";

    private static readonly string[] Words = ["NaN", "Infinity", "-Infinity"];
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <exception cref="JsonException">It is not JSON, those words allowed.</exception>
    /// <exception cref="ArgumentException">It is not valid UTF-8, or a name stands twice.</exception>
    public static JsonNode? Parse(byte[] json)
    {
        string text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(json);
        if (text.Contains("\\u", StringComparison.Ordinal))
        {
            text = LoneSurrogate().Replace(text, m => m.Value.Length == EscapeLength ? SurrogateMark + m.Value["\\u".Length..] : m.Value);
        }

        return JsonNode.Parse(Array.Exists(Words, text.Contains) ? Marked(text) : text, documentOptions: Strict);
    }

    /// <summary>Whether a text that was read contains a lone surrogate, which is not valid Unicode.</summary>
    public static bool HasLoneSurrogate(string text) => text.Contains('\u0002', StringComparison.Ordinal);

    /// <summary>Indented by two, with a line feed at the end.</summary>
    public static byte[] Write(JsonNode node)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            node.WriteTo(json);
        }

        string text = Encoding.UTF8.GetString(stream.ToArray());
        text = MarkedSurrogate().Replace(text, @"\u${code}");
        return Encoding.UTF8.GetBytes(Words.Aggregate(text, (t, word) => t.Replace($"\"{Mark}{word}\"", word, StringComparison.Ordinal)) + "\n");
    }

    private const int EscapeLength = 6;

    /// <summary>An escaped backslash, a pair of surrogates, or a surrogate alone: only the last is six characters long.</summary>
    [GeneratedRegex(@"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex LoneSurrogate();

    [GeneratedRegex(@"\\u0002(?<code>[dD][89a-fA-F][0-9a-fA-F]{2})", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex MarkedSurrogate();

    private static string Marked(string text)
    {
        StringBuilder marked = new();
        bool inside = false;
        for (int i = 0; i < text.Length; i++)
        {
            string? word = inside ? null : Array.Find(Words, w => text.AsSpan(i).StartsWith(w, StringComparison.Ordinal));
            if (word is not null)
            {
                marked.Append('"').Append(Mark).Append(word).Append('"');
                i += word.Length - 1;
                continue;
            }

            marked.Append(text[i]);
            if (inside && text[i] == '\\' && i + 1 < text.Length)
            {
                marked.Append(text[++i]);
            }
            else if (text[i] == '"')
            {
                inside = !inside;
            }
        }

        return marked.ToString();
    }
}
