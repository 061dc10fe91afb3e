using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Keeps each element with a probability of its own source's density (DARE).</summary>
internal sealed class RandomSparsifier(double[] densities, ulong[] streams) : ISparsifier
{
    public long Unit => 1;

    public bool Spares(int source) => densities[source] >= 1;

    public ISparsifier Prepared(TensorPasses passes, bool measured) => this;

    public void Keep<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<double> changes)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T> =>
        MaskKernel.Random(origin, tuned, streams[source], start, CounterRandom.Bound(densities[source]), changes);
}
