using LayerSwap.Checkpoints;
using LayerSwap.IO;

namespace LayerSwap.Recipes;

/// <summary>Opens the models that recipes refer to, each once: earlier documents by name, then paths relative to the recipe, then to the folders of models.</summary>
internal sealed class ModelFinder(string folder, IReadOnlyList<string> modelFolders, IReadOnlyList<string> documents, YamlReader problems) : IDisposable
{
    private readonly Dictionary<string, ICheckpoint> _open = new(StringComparer.Ordinal);

    /// <summary>Checks that are lifted when models are opened.</summary>
    public InputCautions Allowed { get; set; }

    /// <summary>Makes the result of a document known by its name.</summary>
    public void Add(string name, ICheckpoint merged) => _open[name] = merged;

    /// <returns>Null where there is none, which is then a problem.</returns>
    public ICheckpoint? Find(ModelReference reference)
    {
        if (_open.TryGetValue(reference.Path, out ICheckpoint? known))
        {
            return known;
        }

        string[] places = [.. Places(reference.Path).Distinct(StringComparer.Ordinal)];
        string? found = Array.Find(places, InputFile.Exists);
        if (found is null)
        {
            problems.Add(reference.Place, documents.Contains(reference.Path, StringComparer.Ordinal)
                ? $"{Printable.Escape(reference.Path)} is this document, or uses it: documents that need each other cannot be made. Remedy: let {Printable.Escape(reference.Path)} use other models."
                : reference.Path.Contains('+', StringComparison.Ordinal) ? $"{Printable.Escape(reference.Path)} names a LoRA adapter after the +; adapters cannot be applied yet. Remedy: merge the adapter into its model first, and name that."
                : $"there is no model {Printable.Escape(reference.Path)}; looked for as {string.Join(", ", places.Select(Printable.Escape))}. "
                    + "Remedy: give its path relative to the recipe, or the folder that models lie in (--models DIR).");
            return null;
        }

        // Two ways to write one path are one model.
        string full = RealPath.Of(found);
        if (!_open.TryGetValue(full, out ICheckpoint? opened))
        {
            opened = Checkpoint.Open(found, Allowed);
            _open.Add(full, opened);
        }

        _open[reference.Path] = opened;
        return opened;
    }

    public void Dispose()
    {
        foreach (ICheckpoint checkpoint in _open.Values.Distinct())
        {
            checkpoint.Dispose();
        }

        _open.Clear();
    }

    private IEnumerable<string> Places(string path)
    {
        yield return Path.Combine(folder, path);
        foreach (string models in modelFolders)
        {
            yield return Path.Combine(models, path);
        }

        foreach (string snapshot in modelFolders.Select(m => HubCache.Find(m, path)).OfType<string>())
        {
            yield return snapshot;
        }
    }
}
