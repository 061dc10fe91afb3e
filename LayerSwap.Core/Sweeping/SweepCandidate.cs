using System.Globalization;

namespace LayerSwap;

/// <summary>A named merge to evaluate in a sweep.</summary>
public sealed record SweepCandidate
{
    /// <summary>The name, such as <c>swap 5,2,1</c>; unique within a sweep.</summary>
    public required string Name { get; init; }

    /// <summary>The merge.</summary>
    public required MergeBuilder Merge { get; init; }

    /// <summary>Creates every layer swap with these layer counts that fits the models.</summary>
    /// <param name="task">The task expert.</param>
    /// <param name="language">The language expert.</param>
    /// <param name="bottom">The numbers of bottom layers to try.</param>
    /// <param name="top">The numbers of top layers to try.</param>
    /// <param name="transition">The numbers of averaged layers per seam to try; none at a side without swapped layers. Null for 1.</param>
    /// <param name="weights">The weights of averaged layers to try; null for equal weights.</param>
    /// <param name="base">The base of both experts; needed by some weights.</param>
    public static IReadOnlyList<SweepCandidate> LayerSwaps(
        ICheckpoint task,
        ICheckpoint language,
        IEnumerable<int> bottom,
        IEnumerable<int> top,
        IEnumerable<int>? transition = null,
        IEnumerable<TransitionWeights>? weights = null,
        ICheckpoint? @base = null)
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
                string name = string.Create(CultureInfo.InvariantCulture, $"swap {b},{u},{t}");
                if (pairs.Length > 1)
                {
                    name += string.Create(CultureInfo.InvariantCulture, $" weights {i + 1}");
                }

                MergeBuilder merge = global::LayerSwap.Merge.LayerSwap(task, language, options with { Weights = pair }, @base);
                candidates.Add(new SweepCandidate { Name = name, Merge = merge });
            }
        }

        return candidates;
    }
}
