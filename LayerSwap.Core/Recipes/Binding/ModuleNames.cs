using LayerSwap.LayerMaps;

namespace LayerSwap.Recipes;

/// <summary>
/// The modules of a recipe. A module is a prefix of tensor names, with or without <c>model.</c> before it, or mergekit's name for a part of
/// multimodal models: <c>text_decoder</c>, <c>vision_tower</c>, <c>audio_tower</c>, <c>multi_modal_projector</c>.
/// </summary>
internal static class ModuleNames
{
    private static readonly string[] ProjectorWords = ["projector", "projectors", "merger", "connector", "aligner", "resampler", "mlp1"];

    private static readonly Dictionary<string, Func<string, bool>> Known = new(StringComparer.Ordinal)
    {
        ["text_decoder"] = n => !StackClassifier.IsVisionOrAudio(n) && !IsProjector(n),
        ["language_model"] = n => !StackClassifier.IsVisionOrAudio(n) && !IsProjector(n),
        ["vision_tower"] = n => StackClassifier.IsVision(n) && !IsProjector(n),
        ["audio_tower"] = n => StackClassifier.IsAudio(n) && !IsProjector(n),
        ["multi_modal_projector"] = IsProjector,
    };

    /// <summary>Finds the tensors of a module.</summary>
    /// <param name="module">Its name.</param>
    /// <param name="names">The names of all tensors.</param>
    /// <returns>Whether a tensor belongs to it, by name; null if none does.</returns>
    public static Func<string, bool>? Find(string module, IReadOnlyCollection<string> names)
    {
        string prefix = module + ".", inModel = "model." + prefix;
        if (names.Any(n => n.StartsWith(prefix, StringComparison.Ordinal)))
        {
            return n => n.StartsWith(prefix, StringComparison.Ordinal);
        }

        if (names.Any(n => n.StartsWith(inModel, StringComparison.Ordinal)))
        {
            return n => n.StartsWith(inModel, StringComparison.Ordinal);
        }

        // Some tensors must belong to the part, and others not.
        return Known.TryGetValue(module, out Func<string, bool>? contains) && names.Any(contains) && !names.All(contains) ? contains : null;
    }

    private static bool IsProjector(string name) =>
        name.ToLowerInvariant().Split('.', '_').Any(w => Array.IndexOf(ProjectorWords, w) >= 0);
}
