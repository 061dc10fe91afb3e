using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Keeps each element with a probability of its own source's density (DARE).</summary>
internal sealed class RandomSparsifier(double[] densities, ulong[] streams) : ISparsifier
{
    public long Unit => 1;

    public bool Spares(int source) => densities[source] >= 1;

    public ISparsifier Prepared(TensorPasses passes, bool measured) => this;

    public void Keep<T>(long start, int source, ReadOnlySpan<T> origin, ReadOnlySpan<T> tuned, Span<ulong> bits)
        where T : unmanaged
    {
        uint bound = CounterRandom.Bound(densities[source]);
        int before = (int)(start % RandomKernel.Together);
        if (before == 0)
        {
            RandomKernel.Below(streams[source], start, bound, bits[..Bits.Words(tuned.Length)]);
            return;
        }

        using Rented<ulong> more = new(Bits.Words(before + tuned.Length));
        RandomKernel.Below(streams[source], start - before, bound, more.Span);
        Bits.Copy(more.Span, before, bits, 0, tuned.Length);
    }
}
