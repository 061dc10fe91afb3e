using LayerSwap.Recipes;

namespace LayerSwap;

/// <summary>
/// A merge written as YAML, in mergekit's format with some additions (docs/recipes.md). It becomes builder calls.
/// The recipe owns the models it opens: dispose it after the merge.
/// </summary>
public sealed class Recipe : IDisposable
{
    private readonly IReadOnlyList<RecipeDocument> _documents;
    private readonly YamlReader _problems;
    private readonly ModelFinder _models;
    private readonly List<string> _notes = [];

    private Recipe(string text, string file, string folder, IReadOnlyList<string> modelFolders)
    {
        _documents = RecipeReader.Read(text, file);
        _problems = new YamlReader(file);
        _models = new ModelFinder(folder, modelFolders, [.. _documents.Select(d => d.Name).OfType<string>()], _problems);
    }

    /// <summary>Warnings about the recipe; filled by <see cref="ToMerge"/>.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Checks of models and merge that are switched off; none by default. Set before <see cref="ToMerge"/>.</summary>
    public InputCautions Allowed { get; set; }

    /// <summary>Reads a recipe. No model is opened yet.</summary>
    /// <param name="path">The file; model paths in it are relative to its folder.</param>
    /// <param name="modelFolders">Folders searched next for models.</param>
    /// <exception cref="RecipeException">The recipe is invalid; every problem has its line and column.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Recipe Load(string path, params IReadOnlyList<string> modelFolders)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(modelFolders);
        byte[] bytes = Checkpoints.InputFile.ReadAll(path, RecipeText.MaxBytes);
        return new Recipe(RecipeText.Decode(bytes, path), path, IO.RealPath.ResolveFolder(path), modelFolders);
    }

    /// <summary>Reads a recipe from its text.</summary>
    /// <param name="yaml">The text.</param>
    /// <param name="folder">The folder that model paths are relative to; null for the current folder.</param>
    /// <param name="modelFolders">Folders searched next for models.</param>
    /// <exception cref="RecipeException">The recipe is invalid.</exception>
    public static Recipe Parse(string yaml, string? folder = null, params IReadOnlyList<string> modelFolders)
    {
        ArgumentNullException.ThrowIfNull(yaml);
        ArgumentNullException.ThrowIfNull(modelFolders);
        return new Recipe(yaml, "recipe", folder ?? Environment.CurrentDirectory, modelFolders);
    }

    /// <summary>
    /// Writes a merge as a recipe: YAML that <see cref="Parse"/> reads as the same merge, byte for byte.
    /// Models are named by absolute paths. Threads, seed, shard size and save options are not part of a recipe.
    /// </summary>
    /// <param name="merge">The merge.</param>
    /// <exception cref="MergeException">Recipes cannot express the merge: a custom strategy, a model in memory.</exception>
    public static string From(MergeBuilder merge)
    {
        ArgumentNullException.ThrowIfNull(merge);
        return RecipeWriter.Write(merge.Request());
    }

    /// <summary>
    /// Opens the models, headers only, and makes the builder calls. The last document is the result; earlier documents are models
    /// that later ones may use, computed on demand.
    /// </summary>
    /// <param name="seed">The seed of methods with randomness, in every document; 0 by default.</param>
    /// <exception cref="RecipeException">
    /// The recipe cannot be executed: a model, parameter or layer does not exist. Every problem has its line and column.
    /// </exception>
    /// <exception cref="CheckpointException">A model breaks a rule of its format.</exception>
    /// <exception cref="MergeException">A document that another uses cannot be planned.</exception>
    public MergeBuilder ToMerge(long seed = 0)
    {
        _notes.Clear();
        _models.Allowed = Allowed;
        bool IsUnused(RecipeDocument document, int index) =>
            !_documents.Skip(index + 1).Any(later => later.References.Any(r => r.Path == document.Name));
        foreach (RecipeDocument unused in _documents.SkipLast(1).Where(IsUnused))
        {
            _notes.Add($"{unused.MethodPosition}: no later document uses {Printable.Escape(unused.Name!)}; it changes nothing.");
        }

        _notes.AddRange(_documents.SelectMany(d =>
            d.ObsoleteKeys.Select(o => $"{d.MethodPosition}: {o} is of old recipes, and changes nothing.")));
        for (int i = 0; ; i++)
        {
            MergeBuilder? builder = new RecipeBinder(_documents[i], _models, _problems, _notes).Bind();
            _problems.ThrowIfAny();
            builder = builder!.WithSeed(seed).Allow(Allowed);
            if (i == _documents.Count - 1)
            {
                return builder;
            }

            _models.Add(_documents[i].Name!, new Execution.ComputedCheckpoint(builder.Plan(), _documents[i].Name!));
        }
    }

    /// <summary>Closes the models.</summary>
    public void Dispose() => _models.Dispose();
}
