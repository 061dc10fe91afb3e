using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Keeps the largest changes but for the very largest: <c>int(gamma n)</c> are dropped, the next <c>int(density n)</c> kept. With gamma 0 it is plain magnitude pruning.</summary>
internal sealed class CutSparsifier(double[] densities, double[] gammas, long elements) : ISparsifier
{
    private readonly Cut[] _outliers = new Cut[densities.Length], _kept = new Cut[densities.Length];

    public long Unit => 1;

    public bool Spares(int source) => densities[source] >= 1;

    public ISparsifier Prepared(TensorPasses passes, bool measured)
    {
        int[] sources = [.. Enumerable.Range(0, densities.Length).Where(s => !Spares(s))];
        List<RankRequest> requests = [];
        foreach (int source in sources)
        {
            long keep = (long)(densities[source] * elements);
            // Where the two do not fit, fewer outliers are dropped.
            long outliers = Math.Min((long)(gammas[source] * elements), elements - keep);
            requests.Add(new RankRequest(source, outliers));
            requests.Add(new RankRequest(source, outliers + keep));
        }

        CutSparsifier prepared = new(densities, gammas, elements);
        Cut[] cuts = RankSelector.Select(passes, new ChangeKeys(), [.. requests]);
        for (int i = 0; i < sources.Length; i++)
        {
            (prepared._outliers[sources[i]], prepared._kept[sources[i]]) = (cuts[2 * i], cuts[(2 * i) + 1]);
        }

        return prepared;
    }

    public void Keep<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<ulong> bits)
        where T : unmanaged
    {
        Cut outliers = _outliers[source], kept = _kept[source];
        // Between the indices of the cuts, which few blocks have, the same keys are kept at every element.
        using Rented<ulong> part = new(Bits.Words(tuned.Length));
        for (int done = 0; done < tuned.Length;)
        {
            int count = Math.Min(kept.Alike(start + done, tuned.Length - done), outliers.Alike(start + done, tuned.Length - done));
            if (kept.LowestWithin(start + done) is { } low && (outliers.LowestWithin(start + done) ?? long.MaxValue + 1UL) is var end && low < end)
            {
                MaskKernel.Between(origin.Slice(done, count), tuned.Slice(done, count), low, end - 1, part.Span);
            }
            else
            {
                part.Span.Clear();
            }

            Bits.Copy(part.Span, 0, bits, done, count);
            done += count;
        }
    }
}
