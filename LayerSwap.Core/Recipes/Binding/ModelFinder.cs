using LayerSwap.Checkpoints;
using LayerSwap.IO;

namespace LayerSwap.Recipes;

/// <summary>
/// Opens each model of a recipe once. Looks for earlier documents by name, then for paths relative to the recipe,
/// then for paths relative to the model folders.
/// </summary>
internal sealed class ModelFinder(string folder, IReadOnlyList<string> modelFolders, IReadOnlyList<string> documents, YamlReader problems)
    : IDisposable
{
    private readonly Dictionary<string, ICheckpoint> _open = new(StringComparer.Ordinal);

    /// <summary>Checks that are lifted when models are opened.</summary>
    public InputCautions Allowed { get; set; }

    /// <summary>Adds the result of a document under its name.</summary>
    public void Add(string name, ICheckpoint merged) => _open[name] = merged;

    /// <summary>Finds and opens a model; reports one that does not exist.</summary>
    /// <returns>Null if the model does not exist.</returns>
    public ICheckpoint? Find(ModelReference reference)
    {
        if (_open.TryGetValue(reference.Path, out ICheckpoint? known))
        {
            return known;
        }

        string[] candidates = [.. Candidates(reference.Path).Distinct(StringComparer.Ordinal)];
        string? found = Array.Find(candidates, InputFile.Exists) ?? FindAdapted(reference.Path);
        if (found is null)
        {
            problems.Add(reference.Position, Missing(reference.Path, candidates));
            return null;
        }

        // Different spellings of one path are one model.
        string full = InputFile.Exists(found) ? RealPath.Resolve(found) : found;
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

    private string Missing(string path, string[] candidates)
    {
        string name = Printable.Escape(path);
        if (documents.Contains(path, StringComparer.Ordinal))
        {
            return $"{name} is this document, or uses it: documents that need each other cannot be made. "
                + $"Remedy: let {name} use other models.";
        }

        return $"there is no model {name}; looked for as {string.Join(", ", candidates.Select(Printable.Escape))}. "
            + "Remedy: give its path relative to the recipe, or the folder that models lie in (--models DIR).";
    }

    /// <summary>Finds <c>BASE+ADAPTER</c>, each like a model of its own.</summary>
    private string? FindAdapted(string path) => CheckpointPath.JoinAdapter(CheckpointPath.SplitAdapter(
        path,
        name => name.Length == 0 ? null : Candidates(name).FirstOrDefault(InputFile.Exists)));

    /// <summary>Lists the paths where a model may be, in the order of preference.</summary>
    private IEnumerable<string> Candidates(string path)
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
