using LayerSwap.Execution;
using LayerSwap.IO;

namespace LayerSwap;

/// <summary>Starts merges, and finds or deletes the partial output of earlier ones.</summary>
public static partial class Merge
{
    /// <summary>
    /// Starts layer swapping (arXiv:2410.01335): outer layers from the language expert, middle layers from the task expert, transition
    /// layers between them averaged; embeddings, final norm and head averaged.
    /// </summary>
    /// <param name="task">The model fine-tuned for the task, in English. It gives configuration and tokenizer.</param>
    /// <param name="language">The model fine-tuned from the same base on text in the target language.</param>
    /// <param name="bottom">The number of bottom layers from the language expert, 0 or more; 5 by default, the paper's for 32
    /// layers.</param>
    /// <param name="top">The number of top layers from the language expert, 0 or more; 2 by default, the paper's for 32 layers.</param>
    /// <param name="transition">The number of averaged layers at each of the two seams, 0 or more; 1 by default.</param>
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
    /// <param name="base">The model that both were fine-tuned from, if the options need it; null by default.</param>
    public static MergeBuilder LayerSwap(ICheckpoint task, ICheckpoint language, LayerSwapOptions options, ICheckpoint? @base = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(options);
        return new MergeBuilder(@base, MergeStrategies.LayerSwap(options), donor: task).With(task).With(language);
    }

    /// <summary>Starts a merge onto a base. Tensors that no strategy or rule changes are the base's.</summary>
    /// <param name="base">The model that the others were fine-tuned from. It gives configuration and tokenizer.</param>
    public static MergeBuilder Onto(ICheckpoint @base)
    {
        ArgumentNullException.ThrowIfNull(@base);
        return new MergeBuilder(@base, MergeStrategies.Keep);
    }

    /// <summary>Starts an average of models (a soup) with equal weights.</summary>
    /// <param name="models">One or more. The first gives configuration and tokenizer.</param>
    public static MergeBuilder Soup(params IReadOnlyList<ICheckpoint> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        return models.Aggregate(WithoutBase(), (builder, model) => builder.With(model)).Using(MergeStrategies.Linear());
    }

    /// <summary>
    /// Starts a merge without a base: add models by <see cref="MergeBuilder.With"/> and a strategy by <see cref="MergeBuilder.Using"/>. The
    /// first model gives configuration and tokenizer.
    /// </summary>
    public static MergeBuilder WithoutBase() => new(null, MergeStrategies.Keep);

    /// <summary>
    /// Finds the partial output of a run that ended early: a staging folder to resume (<see cref="SaveOptions.Resume"/>) or delete
    /// (<see cref="DeletePartialOutput(string)"/>), or a folder of parts.
    /// </summary>
    /// <param name="output">The output's path.</param>
    /// <returns>The folder, or null if there is none.</returns>
    /// <exception cref="OutputException">No output can be at this path.</exception>
    public static string? FindPartialOutput(string output)
    {
        ArgumentNullException.ThrowIfNull(output);
        string target = OutputPath.Canonical(output);
        return Array.Find([StagingFolder.FolderOf(target), PartFolders.RootOf(target)], p => FileStatus.ReadEntry(p) is not null);
    }

    /// <summary>
    /// Deletes the partial output of a run that ended early: its staging folder and parts. If the run ended while it replaced an output,
    /// the old output is restored. Foreign files are never deleted.
    /// </summary>
    /// <param name="output">The output's path.</param>
    /// <returns>Whether there was a partial output.</returns>
    /// <exception cref="OutputException">The run is still active, or the folder contains a foreign file, which is named.</exception>
    public static bool DeletePartialOutput(string output) => DeletePartialOutput(output, SystemFiles.Instance);

    internal static bool DeletePartialOutput(string output, IFileOperations files)
    {
        ArgumentNullException.ThrowIfNull(output);
        string target = OutputPath.Canonical(output);
        // In this order: parts that are being assembled must not be deleted.
        bool staged = StagingFolder.DeletePartialOutput(target, files);
        return PartFolders.DeleteAll(target, files) || staged;
    }
}
