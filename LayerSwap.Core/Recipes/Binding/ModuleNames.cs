using LayerSwap.LayerMaps;

namespace LayerSwap.Recipes;

/// <summary>
/// What the modules of a recipe stand for: tensors whose names begin with the module's name, or with <c>model.</c> and it; and mergekit's names for the parts of models that see or hear
/// (<c>text_decoder</c>, <c>vision_tower</c>, <c>audio_tower</c>, <c>multi_modal_projector</c>), whatever the family calls them.
/// </summary>
internal static class ModuleNames
{
    private static readonly string[] ProjectorWords = ["projector", "projectors", "merger", "connector", "aligner", "resampler", "mlp1"];

    private static readonly Dictionary<string, Func<string, bool>> Known = new(StringComparer.Ordinal)
    {
        ["text_decoder"] = n => !StackClassifier.IsSense(n) && !IsProjector(n),
        ["language_model"] = n => !StackClassifier.IsSense(n) && !IsProjector(n),
        ["vision_tower"] = n => StackClassifier.Sees(n) && !IsProjector(n),
        ["audio_tower"] = n => StackClassifier.Hears(n) && !IsProjector(n),
        ["multi_modal_projector"] = IsProjector,
    };

    /// <summary>Finds the tensors of a module.</summary>
    /// <param name="module">Its name.</param>
    /// <param name="names">The names of all tensors.</param>
    /// <returns>Whether a tensor belongs to it, by name; null if none does.</returns>
    public static Func<string, bool>? Find(string module, IReadOnlyCollection<string> names)
    {
        string prefix = module + ".", inModel = "model." + prefix;
        return names.Any(n => n.StartsWith(prefix, StringComparison.Ordinal)) ? n => n.StartsWith(prefix, StringComparison.Ordinal)
            : names.Any(n => n.StartsWith(inModel, StringComparison.Ordinal)) ? n => n.StartsWith(inModel, StringComparison.Ordinal)
            // A part of a model that has other parts.
            : Known.TryGetValue(module, out Func<string, bool>? holds) && names.Any(holds) && names.Any(n => !holds(n)) ? holds
            : null;
    }

    private static bool IsProjector(string name) => name.ToLowerInvariant().Split('.', '_').Any(w => Array.IndexOf(ProjectorWords, w) >= 0);
}
