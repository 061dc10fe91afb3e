using System.Globalization;
using System.Numerics;

namespace LayerSwap.Merging;

/// <summary>What holds for one tensor: everything resolved to numbers.</summary>
internal sealed record TaskVectorSettings
{
    public required double[] Weights { get; init; }

    public required double[] Densities { get; init; }

    public required double Lambda { get; init; }

    public required bool Normalize { get; init; }

    public required Rescale Rescale { get; init; }

    /// <summary>Whether only entries that agree with the majority's sign count (TIES).</summary>
    public required bool SignConsensus { get; init; }
}

/// <summary><c>x_0 + lambda * consensus(w_i * sparsify(d_i))</c>: sparsify, weight, consensus, normalise, lambda, add.</summary>
internal sealed class TaskVectorMerge(TaskVectorSettings settings, ISparsifier sparsifier) : PreciseMerge
{
    private const double NearlyZero = 1e-8;

    private readonly double[] _factors = [.. settings.Weights.Select((w, i) => settings.Rescale == Rescale.Density && settings.Densities[i] is > 0 and < 1 ? 1 / settings.Densities[i] : 1)];

    public override AgreementRule Agreement => AgreementRule.All;

    public override long Unit => sparsifier.Unit;

    public override string Detail => string.Create(CultureInfo.InvariantCulture, $"lambda {settings.Lambda:0.####}, weights {List(settings.Weights)}, density {List(settings.Densities)}");

    public override void Prepare(TensorPasses passes)
    {
        sparsifier.Prepare(passes);
        if (settings.Rescale == Rescale.L1 && Enumerable.Range(0, _factors.Length).Any(s => !sparsifier.Spares(s)))
        {
            double[] sums = passes.Reduce(new MassReduction(sparsifier, _factors.Length));
            for (int s = 0; s < _factors.Length; s++)
            {
                _factors[s] = sums[(2 * s) + 1] > 0 && double.IsFinite(sums[2 * s]) ? sums[2 * s] / sums[(2 * s) + 1] : 1;
            }
        }
    }

    protected override void Compute<T>(in MergeBlock<T> block)
    {
        int sources = settings.Weights.Length, length = block.Length;
        double[] rented = System.Buffers.ArrayPool<double>.Shared.Rent(Math.Max(1, sources * length));
        for (int s = 0; s < sources; s++)
        {
            Span<double> changes = rented.AsSpan(s * length, length);
            Changes(block, s, changes);
            if (!sparsifier.Spares(s))
            {
                sparsifier.Drop(block.Start, s, changes);
            }
        }

        for (int i = 0; i < length; i++)
        {
            double mixed = settings.SignConsensus ? Agreed(rented, i, length) : Summed(rented, i, length);
            block.Output[i] = T.CreateTruncating(double.CreateTruncating(block.Base[i]) + (settings.Lambda * mixed));
        }

        System.Buffers.ArrayPool<double>.Shared.Return(rented);
    }

    private static void Changes<T>(in MergeBlock<T> block, int source, Span<double> changes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ReadOnlySpan<T> origin = block.Base, tuned = block[source];
        for (int i = 0; i < changes.Length; i++)
        {
            changes[i] = double.CreateTruncating(tuned[i]) - double.CreateTruncating(origin[i]);
        }
    }

    private double Summed(double[] changes, int i, int stride)
    {
        double sum = 0, weights = 0;
        for (int s = 0; s < settings.Weights.Length; s++)
        {
            sum += settings.Weights[s] * _factors[s] * changes[(s * stride) + i];
            weights += settings.Weights[s];
        }

        return settings.Normalize && Math.Abs(weights) >= NearlyZero ? sum / weights : sum;
    }

    /// <summary>The majority's sign is that of the weighted sum, 0 counting as positive; entries of that sign are summed, and zeros never count.</summary>
    private double Agreed(double[] changes, int i, int stride)
    {
        double sum = 0;
        for (int s = 0; s < settings.Weights.Length; s++)
        {
            sum += settings.Weights[s] * _factors[s] * changes[(s * stride) + i];
        }

        bool positive = !(sum < 0);
        double mixed = 0, weights = 0;
        for (int s = 0; s < settings.Weights.Length; s++)
        {
            double part = settings.Weights[s] * _factors[s] * changes[(s * stride) + i];
            if (positive ? part > 0 : part < 0)
            {
                mixed += part;
                weights += settings.Weights[s];
            }
            else if (double.IsNaN(part))
            {
                return part;
            }
        }

        return settings.Normalize && Math.Abs(weights) >= NearlyZero ? mixed / weights : mixed;
    }

    private static string List(double[] values) => string.Join("/", values.Select(v => v.ToString("0.####", CultureInfo.InvariantCulture)));

    /// <summary>The sum of magnitudes of each source before and after sparsifying.</summary>
    private sealed class MassReduction(ISparsifier sparsifier, int sources) : TensorReduction<double[]>
    {
        public override double[] Create() => new double[2 * sources];

        public override void Observe<T>(MergeBlock<T> block, double[] state)
        {
            double[] rented = System.Buffers.ArrayPool<double>.Shared.Rent(Math.Max(1, block.Length));
            Span<double> changes = rented.AsSpan(0, block.Length);
            for (int s = 0; s < sources; s++)
            {
                Changes(block, s, changes);
                state[2 * s] += System.Numerics.Tensors.TensorPrimitives.SumOfMagnitudes<double>(changes);
                if (!sparsifier.Spares(s))
                {
                    sparsifier.Drop(block.Start, s, changes);
                }

                state[(2 * s) + 1] += System.Numerics.Tensors.TensorPrimitives.SumOfMagnitudes<double>(changes);
            }

            System.Buffers.ArrayPool<double>.Shared.Return(rented);
        }

        public override void Combine(double[] into, double[] from)
        {
            for (int i = 0; i < into.Length; i++)
            {
                into[i] += from[i];
            }
        }
    }
}
