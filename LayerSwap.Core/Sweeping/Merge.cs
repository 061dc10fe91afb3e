using LayerSwap.Sweeping;

namespace LayerSwap;

public static partial class Merge
{
    /// <summary>
    /// Scores merges with a custom scorer and ranks them. Each candidate is a checkpoint computed on demand: nothing is written,
    /// and what the scorer reads twice is computed twice.
    /// </summary>
    /// <param name="candidates">The merges, such as <see cref="SweepCandidate.LayerSwaps"/>; at least one, names unique.</param>
    /// <param name="score">Scores a merged model; higher is better.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Stops between candidates, and is given to the scorer.</param>
    /// <exception cref="ArgumentException">No candidates, duplicate candidate names, or the log is not a sweep log.</exception>
    /// <exception cref="MergeException">A candidate cannot be planned.</exception>
    public static Task<SweepReport> SweepAsync(
        IReadOnlyList<SweepCandidate> candidates, Func<ICheckpoint, CancellationToken, Task<double>> score,
        SweepOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        ArgumentNullException.ThrowIfNull(score);
        return Sweeper.RunAsync(candidates, score, options ?? new(), cancellationToken);
    }
}
