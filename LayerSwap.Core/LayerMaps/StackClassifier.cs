namespace LayerSwap.LayerMaps;

/// <summary>Classifies stacks of layers by the words of their names.</summary>
internal static class StackClassifier
{
    private static readonly string[] VisionWords = ["vision", "visual", "image", "vit", "clip", "sam"], AudioWords = ["audio", "speech"];

    /// <summary>Ranks a stack: 2 if its name says language model, 0 for vision or audio, 1 otherwise.</summary>
    public static int Rank(string stack)
    {
        string[] words = WordsOf(stack);
        bool Has(string word) => words.Contains(word, StringComparer.Ordinal);
        return VisionWords.Any(Has) || AudioWords.Any(Has) ? 0
            : Has("language") || Has("text") || Has("llm") ? 2
            : 1;
    }

    /// <summary>Whether a tensor or stack belongs to a vision or audio tower.</summary>
    public static bool IsVisionOrAudio(string name) => Rank(name) == 0;

    /// <summary>Whether a stack belongs to a vision tower.</summary>
    public static bool IsVision(string stack) => WordsOf(stack).Any(w => Array.IndexOf(VisionWords, w) >= 0);

    /// <summary>Whether a stack belongs to an audio tower.</summary>
    public static bool IsAudio(string stack) => WordsOf(stack).Any(w => Array.IndexOf(AudioWords, w) >= 0);

    /// <summary>Whether a stack is for multi-token prediction (MTP). It follows the head and counts as a part of it.</summary>
    public static bool IsMtp(string stack) => WordsOf(stack).Contains("mtp", StringComparer.Ordinal);

    /// <summary>Whether a stack is a decoder: the language model of an encoder-decoder, even if the encoder is larger.</summary>
    public static bool IsDecoder(string stack) => WordsOf(stack).Contains("decoder", StringComparer.Ordinal);

    /// <summary>Whether a stack is an encoder.</summary>
    public static bool IsEncoder(string stack) => WordsOf(stack).Contains("encoder", StringComparer.Ordinal);

    private static string[] WordsOf(string name) => name.ToLowerInvariant().Split('.', '_');
}
