using System.Globalization;

namespace LayerSwap;

/// <summary>A merge to be tried, under a name that tells it from the others.</summary>
public sealed record SweepCandidate
{
    /// <summary>The name, such as <c>swap 5,2,1</c>; unique within a sweep.</summary>
    public required string Name { get; init; }

    /// <summary>The merge.</summary>
    public required MergeBuilder Merge { get; init; }

    /// <summary>Every layer swap of these numbers that fits the models' layers.</summary>
    /// <param name="task">The task expert.</param>
    /// <param name="language">The language expert.</param>
    /// <param name="bottom">Numbers of layers at the bottom to try.</param>
    /// <param name="top">Numbers of layers at the top to try.</param>
    /// <param name="transition">Numbers of averaged layers at each seam to try; a side with no swapped layer has none. Null for 1.</param>
    /// <param name="weights">Weights of the averaged layers to try; null for equal ones.</param>
    /// <param name="base">The model both were fine-tuned from, where the weights need it.</param>
    public static IReadOnlyList<SweepCandidate> LayerSwaps(ICheckpoint task, ICheckpoint language, IEnumerable<int> bottom, IEnumerable<int> top, IEnumerable<int>? transition = null,
        IEnumerable<TransitionWeights>? weights = null, ICheckpoint? @base = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(language);
        int layers = LayerMap.Of(task).LayerCount;
        TransitionWeights[] pairs = [.. weights ?? [TransitionWeights.Equal]];
        List<SweepCandidate> candidates = [];
        foreach ((int b, int u, int t) in from b in bottom from u in top from t in transition ?? [1] select (b, u, t))
        {
            LayerSwapOptions options = new() { Bottom = b, Top = u, TransitionBottom = b > 0 ? t : 0, TransitionTop = u > 0 ? t : 0 };
            if (b + u + options.TransitionBottom + options.TransitionTop > layers || b < 0 || u < 0 || t < 0)
            {
                continue;
            }

            foreach ((int i, TransitionWeights pair) in pairs.Index())
            {
                string name = string.Create(CultureInfo.InvariantCulture, $"swap {b},{u},{t}") + (pairs.Length == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $" weights {i + 1}"));
                candidates.Add(new SweepCandidate { Name = name, Merge = global::LayerSwap.Merge.LayerSwap(task, language, options with { Weights = pair }, @base) });
            }
        }

        return candidates;
    }
}
