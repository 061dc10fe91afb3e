using LayerSwap.Execution;
using LayerSwap.IO;

namespace LayerSwap;

/// <summary>Where every merge starts.</summary>
public static partial class Merge
{
    /// <summary>
    /// The paper's merge (arXiv:2410.01335): outer layers from the language expert, the middle from the task expert, a transition between;
    /// embeddings, final norm and head averaged.
    /// </summary>
    /// <param name="task">The model fine-tuned for the task, in English. It gives configuration and tokenizer.</param>
    /// <param name="language">The model fine-tuned from the same base on text in the target language.</param>
    /// <param name="bottom">Layers at the bottom from the language expert; the default is the paper's for 32 layers.</param>
    /// <param name="top">Layers at the top from the language expert; the default is the paper's for 32 layers.</param>
    /// <param name="transition">Averaged layers at each of the two seams.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative.</exception>
    public static MergeBuilder LayerSwap(ICheckpoint task, ICheckpoint language, int bottom = 5, int top = 2, int transition = 1) =>
        LayerSwap(
            task,
            language,
            new LayerSwapOptions { Bottom = bottom, Top = top, TransitionBottom = transition, TransitionTop = transition });

    /// <inheritdoc cref="LayerSwap(ICheckpoint, ICheckpoint, int, int, int)"/>
    /// <param name="task">The model fine-tuned for the task, in English. It gives configuration and tokenizer.</param>
    /// <param name="language">The model fine-tuned from the same base on text in the target language.</param>
    /// <param name="options">All parameters.</param>
    /// <param name="base">The model both were fine-tuned from, where the options need it.</param>
    public static MergeBuilder LayerSwap(ICheckpoint task, ICheckpoint language, LayerSwapOptions options, ICheckpoint? @base = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(options);
        return new MergeBuilder(@base, MergeStrategies.LayerSwap(options), donor: task).With(task).With(language);
    }

    /// <summary>A merge onto a base: what no strategy or rule changes is the base's.</summary>
    /// <param name="base">The model the others were fine-tuned from. It gives configuration and tokenizer.</param>
    public static MergeBuilder Onto(ICheckpoint @base)
    {
        ArgumentNullException.ThrowIfNull(@base);
        return new MergeBuilder(@base, MergeStrategies.Keep);
    }

    /// <summary>The average of models (a soup), weights equal.</summary>
    /// <param name="models">One or more. The first gives configuration and tokenizer.</param>
    public static MergeBuilder Soup(params IReadOnlyList<ICheckpoint> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        return models.Aggregate(WithoutBase(), (builder, model) => builder.With(model)).Using(MergeStrategies.Linear());
    }

    /// <summary>
    /// A merge without a base: add models by <see cref="MergeBuilder.With"/> and a strategy by <see cref="MergeBuilder.Using"/>. The first
    /// model gives configuration and tokenizer.
    /// </summary>
    public static MergeBuilder WithoutBase() => new(null, MergeStrategies.Keep);

    /// <summary>
    /// Finds the partial output of a run that ended early: a staging folder, to be resumed (<see cref="SaveOptions.Resume"/>) or deleted
    /// (<see cref="DeletePartialOutput(string)"/>), or its parts.
    /// </summary>
    /// <param name="output">The output's path.</param>
    /// <returns>The folder, or null if there is none.</returns>
    /// <exception cref="OutputException">No output can be at this path.</exception>
    public static string? FindPartialOutput(string output)
    {
        ArgumentNullException.ThrowIfNull(output);
        string target = OutputPath.Canonical(output);
        return Array.Find([StagingFolder.FolderOf(target), PartFolders.RootOf(target)], p => FileStatus.OfEntry(p) is not null);
    }

    /// <summary>
    /// Deletes the partial output of a run that ended early: a staging folder, and parts. If the run ended while it replaced an output, the
    /// old output is restored. Foreign files are never deleted.
    /// </summary>
    /// <param name="output">The output's path.</param>
    /// <returns>Whether there was a partial output.</returns>
    /// <exception cref="OutputException">The run has not ended, or a foreign file is named and stays.</exception>
    public static bool DeletePartialOutput(string output) => DeletePartialOutput(output, SystemFiles.Instance);

    internal static bool DeletePartialOutput(string output, IFileOperations files)
    {
        ArgumentNullException.ThrowIfNull(output);
        string target = OutputPath.Canonical(output);
        // In this order: while the parts are being assembled they stay.
        bool left = StagingFolder.Clean(target, files);
        return PartFolders.Clean(target, files) || left;
    }
}
