namespace LayerSwap.Benchmarks.Paper;

/// <summary>
/// TIES as the miniature's other implementation has it. It differs from <see cref="MergeStrategies.Ties(TiesOptions)"/> in two conventions: everything as large as the k-th largest change is kept,
/// which is more than k where changes are equal (the differences of bf16 numbers often are), and where the kept changes sum to 0 no sign is elected and the base stays.
/// </summary>
internal sealed class PublishedTies(double density, double lambda) : IMergeStrategy
{
    public string Name => "ties, equal ones kept";

    public string Settings => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"density {density}, lambda {lambda}");

    public TensorOperation Bind(TensorContext tensor) => new Merging(density, (float)lambda, tensor.SourceCount);

    /// <summary>The tensor's changes are sorted at once: the miniature's largest has 16,640 elements.</summary>
    private sealed class Merging(double density, float lambda, int sources) : TensorOperation
    {
        private readonly float[] _least = new float[sources];

        public override void Prepare(TensorPasses passes)
        {
            List<float>[] sizes = passes.Reduce(new Sizes(sources));
            for (int s = 0; s < sources; s++)
            {
                sizes[s].Sort();
                _least[s] = sizes[s][^Math.Max(1, (int)(density * sizes[s].Count))];
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
                    total += Kept(block, s, i);
                }

                for (int s = 0; s < sources; s++)
                {
                    float change = Kept(block, s, i);
                    if (change != 0 && MathF.Sign(change) == MathF.Sign(total))
                    {
                        agreeing += change;
                        count++;
                    }
                }

                block.Output[i] = block.Base[i] + (lambda * (agreeing / Math.Max(1, count)));
            }
        }

        private float Kept(OperandBlock<float> block, int source, int i)
        {
            float change = block[source][i] - block.Base[i];
            return MathF.Abs(change) < _least[source] ? 0 : change;
        }
    }

    private sealed class Sizes(int sources) : IReduction<List<float>[]>
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
