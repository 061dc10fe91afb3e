using LayerSwap.Execution;
using LayerSwap.IO;
using LayerSwap.Sweeping;

namespace LayerSwap;

/// <summary>Where every merge starts.</summary>
public static class Merge
{
    /// <summary>The paper's merge (arXiv:2410.01335): outer layers from the language expert, the middle from the task expert, a transition between; embeddings, final norm and head averaged.</summary>
    /// <param name="task">The model fine-tuned for the task, in English. It gives configuration and tokenizer.</param>
    /// <param name="language">The model fine-tuned from the same base on text in the target language.</param>
    /// <param name="bottom">Layers at the bottom from the language expert; the default is the paper's for 32 layers.</param>
    /// <param name="top">Layers at the top from the language expert; the default is the paper's for 32 layers.</param>
    /// <param name="transition">Averaged layers at each of the two seams.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative.</exception>
    public static MergeBuilder LayerSwap(ICheckpoint task, ICheckpoint language, int bottom = 5, int top = 2, int transition = 1) =>
        LayerSwap(task, language, new LayerSwapOptions { Bottom = bottom, Top = top, TransitionBottom = transition, TransitionTop = transition });

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

    /// <summary>A merge without a base: add models by <see cref="MergeBuilder.With"/> and a strategy by <see cref="MergeBuilder.Using"/>. The first model gives configuration and tokenizer.</summary>
    public static MergeBuilder WithoutBase() => new(null, MergeStrategies.Keep);

    /// <summary>
    /// Tries merges with a scorer of one's own and ranks them. Each candidate is a checkpoint computed on demand: nothing is written, and what the scorer reads twice is computed twice.
    /// </summary>
    /// <param name="candidates">The merges, such as <see cref="SweepCandidate.LayerSwaps"/>; at least one, names unique.</param>
    /// <param name="score">Says how good a merged model is; higher is better.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Stops between candidates, and is given to the scorer.</param>
    /// <exception cref="ArgumentException">No candidate, a name twice, or a log that is none.</exception>
    /// <exception cref="MergeException">A candidate cannot be planned.</exception>
    public static Task<SweepReport> SweepAsync(IReadOnlyList<SweepCandidate> candidates, Func<ICheckpoint, CancellationToken, Task<double>> score, SweepOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        ArgumentNullException.ThrowIfNull(score);
        return Sweeper.RunAsync(candidates, score, options ?? new(), cancellationToken);
    }

    /// <summary>
    /// What a run that ended before its end has left of an output: a folder beside it, to go on with (<see cref="SaveOptions.Resume"/>) or to be removed (<see cref="Clean(string)"/>); or its parts,
    /// until they are finished.
    /// </summary>
    /// <param name="output">The output's path.</param>
    /// <returns>The folder, or null where nothing was left.</returns>
    /// <exception cref="OutputException">No output can be at this path.</exception>
    public static string? Leftover(string output)
    {
        ArgumentNullException.ThrowIfNull(output);
        string target = OutputPath.Canonical(output);
        return Array.Find([StagingFolder.FolderOf(target), PartFolders.RootOf(target)], p => FileStatus.OfEntry(p) is not null);
    }

    /// <summary>
    /// Removes what LayerSwap made for an output that was not finished: a staging folder, and parts. If a run ended while it replaced an output, the old one is brought back. What LayerSwap did not make
    /// is never removed.
    /// </summary>
    /// <param name="output">The output's path.</param>
    /// <returns>Whether there was something.</returns>
    /// <exception cref="OutputException">The run has not ended, or something there is not LayerSwap's and stays: it is named.</exception>
    public static bool Clean(string output) => Clean(output, SystemFiles.Instance);

    internal static bool Clean(string output, IFileOperations files)
    {
        ArgumentNullException.ThrowIfNull(output);
        string target = OutputPath.Canonical(output);
        // In this order: while the parts are being finished they stay.
        bool left = StagingFolder.Clean(target, files);
        return PartFolders.Clean(target, files) || left;
    }
}
