using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>The Gram matrices of consecutive groups; grows with the groups added.</summary>
internal sealed class GramSums
{
    public long FirstGroup { get; private set; }

    public double[] Sums { get; private set; } = [];

    /// <summary>Gets the sums of one group, and grows to include it.</summary>
    public Span<double> Of(long group, int size)
    {
        long count = Sums.Length / size;
        if (Sums.Length == 0)
        {
            FirstGroup = group;
        }

        if (group < FirstGroup || group >= FirstGroup + count)
        {
            long first = Math.Min(group, FirstGroup), end = Math.Max(group + 1, FirstGroup + count);
            long doubled = group >= FirstGroup + count ? Math.Min(count * 2, 1 << 20) : 0;
            double[] grown = new double[checked(Math.Max(end - first, doubled) * size)];
            Sums.CopyTo(grown, (FirstGroup - first) * size);
            (FirstGroup, Sums) = (first, grown);
        }

        return Sums.AsSpan(checked((int)((group - FirstGroup) * size)), size);
    }
}

/// <summary>Computes all dot products between the vectors of each group in one pass, or between their deltas from the base.</summary>
internal sealed class GramReduction(GramGroups groups, int vectors, bool fromBase) : GenericReduction<GramSums>
{
    private readonly int _size = GramMatrix.SizeOf(vectors);

    public override GramSums Create() => new();

    protected override void Add<T>(in OperandBlock<T> block, GramSums state)
    {
        for (int done = 0; done < block.Length;)
        {
            (long group, long stretch) = groups.At(block.Start + done);
            int count = (int)Math.Min(stretch, block.Length - done);
            ReadOnlySpan<T> @base = fromBase ? block.Base.Slice(done, count) : [];
            if (vectors == 2 && !groups.Columns)
            {
                (double aa, double ab, double bb) = DotKernel.Pair(
                    @base, Vector(block, 0).Slice(done, count), Vector(block, 1).Slice(done, count));
                Span<double> sums = state.Of(group, _size);
                sums[GramMatrix.Index(0, 0, 2)] += aa;
                sums[GramMatrix.Index(0, 1, 2)] += ab;
                sums[GramMatrix.Index(1, 1, 2)] += bb;
                done += count;
                continue;
            }

            for (int a = 0; a < vectors; a++)
            {
                for (int b = a; b < vectors; b++)
                {
                    ReadOnlySpan<T> x = Vector(block, a).Slice(done, count), y = Vector(block, b).Slice(done, count);
                    int index = GramMatrix.Index(a, b, vectors);
                    if (groups.Columns)
                    {
                        AddColumns(@base, x, y, group, index, state);
                    }
                    else
                    {
                        state.Of(group, _size)[index] += DotKernel.Dot(@base, x, y);
                    }
                }
            }

            done += count;
        }
    }

    public override void Combine(GramSums into, GramSums from)
    {
        int count = from.Sums.Length / _size;
        for (int g = 0; g < count; g++)
        {
            Span<double> target = into.Of(from.FirstGroup + g, _size);
            for (int i = 0; i < _size; i++)
            {
                target[i] += from.Sums[(g * _size) + i];
            }
        }
    }

    /// <summary>Gets a vector. If vectors are not deltas, a base that is read is the first vector.</summary>
    private ReadOnlySpan<T> Vector<T>(in OperandBlock<T> block, int vector)
        where T : unmanaged =>
        fromBase || block.Base.IsEmpty ? block[vector] : vector == 0 ? block.Base : block[vector - 1];

    private void AddColumns<T>(ReadOnlySpan<T> @base, ReadOnlySpan<T> x, ReadOnlySpan<T> y, long first, int index, GramSums state)
        where T : unmanaged
    {
        _ = state.Of(first, _size);
        _ = state.Of(first + x.Length - 1, _size);
        Span<double> sums = state.Sums.AsSpan((int)((first - state.FirstGroup) * _size) + index);
        for (int i = 0; i < x.Length; i++)
        {
            double o = @base.IsEmpty ? 0 : VectorWidening.Load1(@base[i]);
            sums[i * _size] += (VectorWidening.Load1(x[i]) - o) * (VectorWidening.Load1(y[i]) - o);
        }
    }
}
