namespace LayerSwap.Benchmarks.Paper;

/// <summary>
/// TIES as in the miniature's other implementation. It differs from <see cref="MergeStrategies.Ties(TiesOptions)"/> in two conventions:
/// all deltas equal to the k-th largest survive, so more than k may (bf16 deltas often are equal), and if the surviving deltas sum to 0,
/// no sign is elected and the base's value is kept.
/// </summary>
internal sealed class PublishedTies(double density, double lambda) : IMergeStrategy
{
    public string Name => "ties, equal ones kept";

    public string Settings => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"density {density}, lambda {lambda}");

    public TensorOperation Bind(TensorContext tensor) => new Merging(density, (float)lambda, tensor.SourceCount);

    /// <summary>Merges one tensor. All deltas are sorted in memory: the miniature's largest tensor has 16,640 elements.</summary>
    private sealed class Merging(double density, float lambda, int sources) : TensorOperation
    {
        private readonly float[] _thresholds = new float[sources];

        public override void Prepare(TensorPasses passes)
        {
            List<float>[] magnitudes = passes.Reduce(new Magnitudes(sources));
            for (int s = 0; s < sources; s++)
            {
                magnitudes[s].Sort();
                _thresholds[s] = magnitudes[s][^Math.Max(1, (int)(density * magnitudes[s].Count))];
            }
        }

        public override void Merge(OperandBlock<float> block)
        {
            for (int i = 0; i < block.Length; i++)
            {
                float total = 0, agreeing = 0;
                int count = 0;
                for (int s = 0; s < sources; s++)
                {
                    total += MaskedDelta(block, s, i);
                }

                for (int s = 0; s < sources; s++)
                {
                    float delta = MaskedDelta(block, s, i);
                    if (delta != 0 && MathF.Sign(delta) == MathF.Sign(total))
                    {
                        agreeing += delta;
                        count++;
                    }
                }

                block.Output[i] = block.Base[i] + (lambda * (agreeing / Math.Max(1, count)));
            }
        }

        private float MaskedDelta(OperandBlock<float> block, int source, int i)
        {
            float delta = block[source][i] - block.Base[i];
            return MathF.Abs(delta) < _thresholds[source] ? 0 : delta;
        }
    }

    private sealed class Magnitudes(int sources) : IReduction<List<float>[]>
    {
        public List<float>[] Create() => [.. Enumerable.Range(0, sources).Select(_ => new List<float>())];

        public void Observe<T>(OperandBlock<T> block, List<float>[] state)
            where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
        {
            for (int s = 0; s < sources; s++)
            {
                for (int i = 0; i < block.Length; i++)
                {
                    state[s].Add(MathF.Abs(float.CreateTruncating(block[s][i] - block.Base[i])));
                }
            }
        }

        public void Combine(List<float>[] into, List<float>[] from)
        {
            for (int s = 0; s < sources; s++)
            {
                into[s].AddRange(from[s]);
            }
        }
    }
}
