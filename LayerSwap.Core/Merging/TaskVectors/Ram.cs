using System.Numerics.Tensors;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap;

/// <summary>Options of RAM.</summary>
public sealed record RamOptions
{
    /// <summary>The magnitude of a delta above which an element counts as changed, 0 or more; 1e-5 by default.</summary>
    public double Epsilon { get; init; } = 1e-5;
}

/// <summary>Options of RAM+ (ramplus_tl).</summary>
public sealed record RamPlusOptions
{
    /// <summary>The magnitude of a delta above which an element counts as changed, above 0; 1e-5 by default.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>The strength with which elements that only one source changed are scaled up, finite; 0.1 by default.</summary>
    public double R { get; init; } = 0.1;

    /// <summary>The upper limit of the ratio of shared to unique elements, 0 or more; 0.2 by default.</summary>
    public double Alpha { get; init; } = 0.2;
}

public static partial class MergeStrategies
{
    /// <summary>
    /// RAM (Yuan et al., arXiv:2601.13572): adds the delta of an element that one source alone changed, and the mean of the deltas if
    /// several changed it. Needs a base.
    /// </summary>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static IMergeStrategy Ram(RamOptions? options = null) => new Ram(options ?? new());

    /// <summary>
    /// RAM+ (ramplus_tl): as <see cref="Ram"/>, with unique elements scaled by <c>1 + r clamp(shared / max(unique, epsilon), 0, alpha)</c>,
    /// from the numbers of shared and unique elements of a source. Needs a base.
    /// </summary>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static IMergeStrategy RamPlus(RamPlusOptions? options = null) => new RamPlus(options ?? new());
}

/// <summary>Adds elements that one source alone changed, and averages those that several changed.</summary>
internal sealed class Ram : MethodStrategy<RamOptions>
{
    public static readonly MethodDescriptor<RamOptions> Descriptor = new MethodDescriptor<RamOptions>(
        "ram", "Elements that one model alone changed added whole, those that several changed averaged.", new(), o => new Ram(o))
    {
        NeedsBase = true,
    }
    .Plain("epsilon", "The magnitude above which an element counts as changed.", o => o.Epsilon, (o, v) => o with { Epsilon = v });

    public Ram(RamOptions options)
        : base(Descriptor, options) => ArgumentOutOfRangeException.ThrowIfNegative(options.Epsilon, nameof(RamOptions.Epsilon));

    public override TensorOperation Bind(TensorContext tensor)
    {
        ModelCount.RequireBase(Name, tensor, 1);
        return new RamOperation(tensor.SourceCount, Options.Epsilon, null);
    }
}

/// <summary>Scales the unique elements of <see cref="Ram"/> by how much a source shares.</summary>
internal sealed class RamPlus : MethodStrategy<RamPlusOptions>
{
    public static readonly MethodDescriptor<RamPlusOptions> Descriptor = new MethodDescriptor<RamPlusOptions>(
        "ramplus_tl", "As ram, lone elements scaled by how much a model shares.", new(), o => new RamPlus(o))
    {
        NeedsBase = true,
    }
    .Plain("epsilon", "The magnitude above which an element counts as changed.", o => o.Epsilon, (o, v) => o with { Epsilon = v })
    .Plain("r", "How strongly lone elements are scaled.", o => o.R, (o, v) => o with { R = v })
    .Plain("alpha", "The most that the ratio of shared to lone elements counts.", o => o.Alpha, (o, v) => o with { Alpha = v });

    public RamPlus(RamPlusOptions options)
        : base(Descriptor, options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Epsilon, nameof(RamPlusOptions.Epsilon));
        ArgumentOutOfRangeException.ThrowIfNegative(options.Alpha, nameof(RamPlusOptions.Alpha));
        ArgumentOutOfRangeException.ThrowIfNotEqual(double.IsFinite(options.R), true, nameof(RamPlusOptions.R));
    }

    public override TensorOperation Bind(TensorContext tensor)
    {
        ModelCount.RequireBase(Name, tensor, 1);
        return new RamOperation(tensor.SourceCount, Options.Epsilon, Options);
    }
}

/// <summary>The operation, with a factor for the elements that one source alone changed.</summary>
internal sealed class RamOperation(int sources, double epsilon, RamPlusOptions? plus) : GenericOperation
{
    private readonly double[] _factors = [.. Enumerable.Repeat(1.0, sources)];

    public override AgreementRule Agreement => AgreementRule.All;

    public override void Prepare(TensorPasses passes)
    {
        if (plus is null)
        {
            return;
        }

        long[] counts = passes.Reduce(new OverlapReduction(sources, epsilon));
        for (int s = 0; s < sources; s++)
        {
            _factors[s] = 1 + (plus.R * Math.Clamp(counts[2 * s] / Math.Max(counts[(2 * s) + 1], epsilon), 0, plus.Alpha));
        }
    }

    protected override void Compute<T>(in OperandBlock<T> block)
    {
        Span<T> output = block.Output;
        Span<double> deltas = stackalloc double[sources];
        for (int i = 0; i < block.Length; i++)
        {
            int changed = Changed(block, i, deltas, epsilon, out int last);
            double sum = 0;
            foreach (double delta in deltas)
            {
                sum += delta;
            }

            double added = changed switch { 0 => 0, 1 => deltas[last] * _factors[last], _ => sum / changed };
            output[i] = VectorWidening.Round<T>(VectorWidening.Load1(block.Base[i]) + added);
        }
    }

    /// <summary>
    /// Computes the deltas of an element, zero if not above epsilon. Returns the number of deltas above it and the source of the last one.
    /// </summary>
    private static int Changed<T>(in OperandBlock<T> block, int i, Span<double> deltas, double epsilon, out int last)
        where T : unmanaged
    {
        int count = 0;
        last = 0;
        double @base = VectorWidening.Load1(block.Base[i]);
        for (int s = 0; s < deltas.Length; s++)
        {
            deltas[s] = VectorWidening.Load1(block[s][i]) - @base;
            if (Math.Abs(deltas[s]) > epsilon || double.IsNaN(deltas[s]))
            {
                count++;
                last = s;
            }
            else
            {
                deltas[s] = 0;
            }
        }

        return count;
    }

    /// <summary>Counts, for each source, the elements that it changed together with others, and alone.</summary>
    private sealed class OverlapReduction(int sources, double epsilon) : GenericReduction<long[]>
    {
        public override long[] Create() => new long[2 * sources];

        protected override void Add<T>(in OperandBlock<T> block, long[] state)
        {
            Span<double> deltas = stackalloc double[sources];
            for (int i = 0; i < block.Length; i++)
            {
                int count = Changed(block, i, deltas, epsilon, out int last);
                if (count == 1)
                {
                    state[(2 * last) + 1]++;
                }
                else
                {
                    for (int s = 0; s < sources && count > 1; s++)
                    {
                        state[2 * s] += deltas[s] != 0 ? 1 : 0;
                    }
                }
            }
        }

        public override void Combine(long[] into, long[] from) => TensorPrimitives.Add<long>(into, from, into);
    }
}
