namespace LayerSwap.LayerMaps;

/// <summary>Which of several stacks is the language model's, as far as names tell.</summary>
internal static class StackClassifier
{
    private static readonly string[] Eyes = ["vision", "visual", "image", "vit", "clip", "sam"], Ears = ["audio", "speech"];

    /// <summary>2 for a stack said to be the language model's, 0 for one that sees or hears, 1 for the rest.</summary>
    public static int Rank(string stack)
    {
        string[] words = WordsOf(stack);
        bool Has(string word) => words.Contains(word, StringComparer.Ordinal);
        return Eyes.Any(Has) || Ears.Any(Has) ? 0 : Has("language") || Has("text") || Has("llm") ? 2 : 1;
    }

    /// <summary>Whether a tensor or a stack belongs to a part that sees or hears.</summary>
    public static bool IsSense(string name) => Rank(name) == 0;

    /// <summary>Whether a stack sees.</summary>
    public static bool Sees(string stack) => WordsOf(stack).Any(w => Array.IndexOf(Eyes, w) >= 0);

    /// <summary>Whether a stack hears.</summary>
    public static bool Hears(string stack) => WordsOf(stack).Any(w => Array.IndexOf(Ears, w) >= 0);

    /// <summary>Whether a stack predicts further tokens: it stands behind the head, and goes with it.</summary>
    public static bool PredictsFurtherTokens(string stack) => WordsOf(stack).Contains("mtp", StringComparer.Ordinal);

    /// <summary>Whether a stack is a decoder: the language model's part of an encoder-decoder, however deep the encoder is.</summary>
    public static bool IsDecoder(string stack) => WordsOf(stack).Contains("decoder", StringComparer.Ordinal);

    /// <summary>Whether a stack is an encoder.</summary>
    public static bool IsEncoder(string stack) => WordsOf(stack).Contains("encoder", StringComparer.Ordinal);

    private static string[] WordsOf(string name) => name.ToLowerInvariant().Split('.', '_');
}
