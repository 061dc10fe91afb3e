using System.Globalization;
using System.Numerics.Tensors;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Merging;

/// <summary>What one source alone changed is added whole, what several changed is averaged among them; RAM+ scales the lone parts by how much a source shares.</summary>
internal sealed class RamStrategy : IMergeStrategy, IRecipeForm
{
    private readonly double _epsilon;
    private readonly RamPlusOptions? _plus;

    public RamStrategy(double epsilon, RamPlusOptions? plus)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epsilon);
        if (plus is not null)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(plus.Epsilon, nameof(RamPlusOptions.Epsilon));
            ArgumentOutOfRangeException.ThrowIfNegative(plus.Alpha, nameof(RamPlusOptions.Alpha));
            ArgumentOutOfRangeException.ThrowIfNotEqual(double.IsFinite(plus.R), true, nameof(RamPlusOptions.R));
        }

        _epsilon = epsilon;
        _plus = plus;
    }

    public string Name => _plus is null ? "ram" : "ramplus_tl";

    public string Settings => ToString();

    public IEnumerable<(string Name, object Value)> Parameters => _plus is null ? [("epsilon", _epsilon)] : [("epsilon", _epsilon), ("r", _plus.R), ("alpha", _plus.Alpha)];

    public override string ToString() => _plus?.ToString() ?? $"epsilon {_epsilon.ToString(CultureInfo.InvariantCulture)}";

    public TensorOperation Bind(TensorContext tensor)
    {
        TwoModels.RequireBase(Name, tensor, 1);
        return new RamMerge(tensor.SourceCount, _epsilon, _plus);
    }
}

/// <summary>The merge, with a factor for each source's lone part.</summary>
internal sealed class RamMerge(int sources, double epsilon, RamPlusOptions? plus) : GenericOperation
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
        Span<double> changes = stackalloc double[sources];
        for (int i = 0; i < block.Length; i++)
        {
            int changed = Changed(block, i, changes, epsilon, out int last);
            double sum = 0;
            foreach (double change in changes)
            {
                sum += change;
            }

            double added = changed switch { 0 => 0, 1 => changes[last] * _factors[last], _ => sum / changed };
            output[i] = VectorWidening.Round<T>(VectorWidening.Load1(block.Base[i]) + added);
        }
    }

    /// <summary>The changes of an element with those that do not count set to zero; how many count, and the last of them.</summary>
    private static int Changed<T>(in OperandBlock<T> block, int i, Span<double> changes, double epsilon, out int last)
        where T : unmanaged
    {
        int count = 0;
        last = 0;
        double origin = VectorWidening.Load1(block.Base[i]);
        for (int s = 0; s < changes.Length; s++)
        {
            changes[s] = VectorWidening.Load1(block[s][i]) - origin;
            if (Math.Abs(changes[s]) > epsilon || double.IsNaN(changes[s]))
            {
                count++;
                last = s;
            }
            else
            {
                changes[s] = 0;
            }
        }

        return count;
    }

    /// <summary>For each source how many elements it changed with others, and alone.</summary>
    private sealed class OverlapReduction(int sources, double epsilon) : GenericReduction<long[]>
    {
        public override long[] Create() => new long[2 * sources];

        protected override void Add<T>(in OperandBlock<T> block, long[] state)
        {
            Span<double> changes = stackalloc double[sources];
            for (int i = 0; i < block.Length; i++)
            {
                int count = Changed(block, i, changes, epsilon, out int last);
                if (count == 1)
                {
                    state[(2 * last) + 1]++;
                }
                else
                {
                    for (int s = 0; s < sources && count > 1; s++)
                    {
                        state[2 * s] += changes[s] != 0 ? 1 : 0;
                    }
                }
            }
        }

        public override void Combine(long[] into, long[] from) => TensorPrimitives.Add<long>(into, from, into);
    }
}
