using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LayerSwap.Checkpoints;

/// <summary>
/// Reads and writes JSON with Python's extensions: the literals NaN, Infinity and -Infinity, common in config.json, and escaped lone
/// surrogates. Both are represented as marked strings, and written back unchanged. Duplicate keys are rejected.
/// </summary>
internal static partial class PythonJson
{
    private const string Mark = "\\u0001", SurrogateMark = "\\u0002";

    private static readonly string[] Literals = ["NaN", "Infinity", "-Infinity"];
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private static readonly JsonWriterOptions Format =
        new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <exception cref="JsonException">It is not JSON with these extensions.</exception>
    /// <exception cref="ArgumentException">It is not valid UTF-8, or a key is not unique.</exception>
    public static JsonNode? Parse(byte[] json)
    {
        string text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(json);
        if (text.Contains("\\u", StringComparison.Ordinal))
        {
            text = SurrogateOrBackslash()
                .Replace(text, m => m.Value.Length == EscapeLength ? SurrogateMark + m.Value["\\u".Length..] : m.Value);
        }

        return JsonNode.Parse(Array.Exists(Literals, text.Contains) ? MarkLiterals(text) : text, documentOptions: Strict);
    }

    /// <summary>Whether a parsed string contains a marked lone surrogate, which is not valid Unicode.</summary>
    public static bool HasLoneSurrogate(string text) => text.Contains('\u0002', StringComparison.Ordinal);

    /// <summary>Writes JSON indented by two, with a line feed at the end.</summary>
    public static byte[] Write(JsonNode node)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, Format))
        {
            node.WriteTo(json);
        }

        string text = MarkedSurrogate().Replace(Encoding.UTF8.GetString(stream.ToArray()), @"\u${code}");
        text = Literals.Aggregate(text, (t, literal) => t.Replace($"\"{Mark}{literal}\"", literal, StringComparison.Ordinal));
        return Encoding.UTF8.GetBytes(text + "\n");
    }

    private const int EscapeLength = 6;

    /// <summary>Matches an escaped backslash, a surrogate pair, or a lone surrogate. Only the last is six characters long.</summary>
    [GeneratedRegex(
        @"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}",
        RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex SurrogateOrBackslash();

    [GeneratedRegex(@"\\u0002(?<code>[dD][89a-fA-F][0-9a-fA-F]{2})", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex MarkedSurrogate();

    /// <summary>Replaces the literals outside strings by marked strings.</summary>
    private static string MarkLiterals(string text)
    {
        StringBuilder marked = new();
        bool inString = false;
        for (int i = 0; i < text.Length; i++)
        {
            string? literal = inString ? null : Array.Find(Literals, w => text.AsSpan(i).StartsWith(w, StringComparison.Ordinal));
            if (literal is not null)
            {
                marked.Append('"').Append(Mark).Append(literal).Append('"');
                i += literal.Length - 1;
                continue;
            }

            marked.Append(text[i]);
            if (inString && text[i] == '\\' && i + 1 < text.Length)
            {
                marked.Append(text[++i]);
            }
            else if (text[i] == '"')
            {
                inString = !inString;
            }
        }

        return marked.ToString();
    }
}
