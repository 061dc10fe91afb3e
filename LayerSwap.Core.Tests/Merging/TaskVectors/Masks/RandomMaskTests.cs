using LayerSwap.Merging;
using LayerSwap.Tests.Merging.Oracles;

namespace LayerSwap.Tests.Merging;

/// <summary>Tests the random numbers of sparsifiers, and merges by these numbers.</summary>
public sealed class RandomMaskTests
{
    private const int N = 200_000;

    private static readonly DType[] Types = [DType.Float32, DType.BFloat16, DType.Float64];

    /// <summary>Scalars, single elements, short rows, and rows longer than a chunk.</summary>
    public static TheoryData<long[]> Shapes => [[], [1], [0], [1000], [5, 11], [2, 3, 4], [6, 1], [300, 7], [2, 270_000], [66, 65], [4, 0]];

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void The_share_of_kept_elements_is_the_density(double density)
    {
        for (int stream = 0; stream < 20; stream++)
        {
            double kept = Numbers(stream, "model.layers.0.w", stream % 3).Count(u => u < density),
                margin = 4 * Math.Sqrt(density * (1 - density) / N);
            Assert.InRange(kept / N, density - margin, density + margin);
        }
    }

    [Fact]
    public void Numbers_are_uniform()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            int[] bins = new int[16];
            foreach (double u in Numbers(seed, "w", 0))
            {
                Assert.True(u is >= 0 and < 1);
                bins[(int)(u * 16)]++;
            }

            // Chi-squared with 15 degrees of freedom: one in ten thousand is above 44.3.
            Assert.InRange(bins.Sum(b => (b - (N / 16.0)) * (b - (N / 16.0)) / (N / 16.0)), 2.0, 44.3);
        }
    }

    [Fact]
    public void Neighbouring_elements_are_independent()
    {
        double[] u = Numbers(3, "w", 1);
        foreach (int lag in (int[])[1, 2, 3, 4, 7, 64, 4096])
        {
            Uncorrelated(u[..^lag], u[lag..]);
        }
    }

    [Fact]
    public void Sources_tensors_and_seeds_are_independent()
    {
        double[] u = Numbers(0, "model.layers.1.w", 0);
        Uncorrelated(u, Numbers(0, "model.layers.1.w", 1));
        Uncorrelated(u, Numbers(0, "model.layers.1.w", 2));
        Uncorrelated(u, Numbers(0, "model.layers.2.w", 0));
        Uncorrelated(u, Numbers(0, "model.layers.11.w", 0));
        Uncorrelated(u, Numbers(1, "model.layers.1.w", 0));
        Uncorrelated(u, Numbers(-1, "model.layers.1.w", 0));
        Uncorrelated(u[1..], Numbers(0, "model.layers.1.w", 1)[..^1]);
    }

    [Theory]
    [InlineData("dare_linear")]
    [InlineData("della")]
    public void Masks_depend_on_the_seed_and_on_no_other_tensor_or_run(string method)
    {
        double[] values = [.. Enumerable.Range(1, 5000).Select(i => (double)i)];
        (string, long[], double[]) tensor = ("model.layers.0.w", [50, 100], values),
            before = ("model.layers.0.a", [3], [1, 2, 3]), after = ("model.layers.1.w", [50, 100], values);
        byte[] alone = Run(method, 0, tensor), again = Run(method, 0, tensor),
            among = Run(method, 0, before, tensor, after), other = Run(method, 1, tensor);
        Assert.Equal(alone, again);
        Assert.Equal(alone, among);
        Assert.NotEqual(alone, other);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Dare_equals_its_oracle_given_the_mask(long[] shape)
    {
        foreach ((DType dtype, int i) in Types.Take(shape.Contains(270_000) ? 2 : 3).Select((d, i) => (d, i)))
        {
            foreach (Rescale rescale in Enum.GetValues<Rescale>().Take(shape.Contains(270_000) ? 1 : 3))
            {
                double[] weights = [0.6, 1.2], densities = [0.5, 0.8];
                bool signs = (i + (int)rescale) % 2 == 0;
                (double[] @base, double[][] sources) = Models(dtype, shape, 2);
                bool[][] kept = [.. densities.Select((d, s) => Numbers(7, "w", s, @base.Length).Select(u => u < d).ToArray())];
                double[] expected = signs
                    ? Oracles.TaskVectors.DareTies(@base, sources, weights, densities, kept, rescale: (Rescaling)rescale, lambda: 0.9)
                    : Oracles.TaskVectors.DareLinear(@base, sources, weights, densities, kept, rescale: (Rescaling)rescale, lambda: 0.9);
                IMergeStrategy strategy =
                    MergeStrategies.Dare(new()
                    { Density = PerSource.Of(0.5, 0.8), Lambda = 0.9, Rescale = rescale, SignConsensus = signs });
                Same(dtype, expected, Run(dtype, shape, @base, sources, weights, strategy), $"{strategy.Name} {rescale}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Della_equals_its_oracle_given_the_mask(long[] shape)
    {
        foreach ((DType dtype, int i) in Types.Take(shape.Contains(270_000) ? 2 : 3).Select((d, i) => (d, i)))
        {
            double[] weights = [0.6, 1.2], densities = [0.5, 0.7], epsilons = [0.3, 0.2];
            bool signs = i % 2 == 0;
            Rescale rescale = (Rescale)i;
            (double[] @base, double[][] sources) = Models(dtype, shape, 2);
            bool[][] kept = [.. sources.Select((t, s) => Kept(Vectors.Minus(t, @base), densities[s], epsilons[s], shape, s))];
            double[] expected = signs
                ? Oracles.TaskVectors.Della(@base, sources, weights, densities, kept, rescale: (Rescaling)rescale)
                : Oracles.TaskVectors.DellaLinear(@base, sources, weights, densities, kept, rescale: (Rescaling)rescale);
            IMergeStrategy strategy =
                MergeStrategies.Della(new()
                { Density = PerSource.Of(0.5, 0.7), Epsilon = PerSource.Of(0.3, 0.2), Rescale = rescale, SignConsensus = signs });
            Same(dtype, expected, Run(dtype, shape, @base, sources, weights, strategy), $"{strategy.Name} {rescale}");
        }
    }

    [Fact]
    public void Della_keeps_the_density_on_average_and_small_deltas_less_often()
    {
        const int rows = 200, row = 1000;
        double[] values = [.. Enumerable.Range(0, rows * row).Select(i => 1.0 + (i * 389L % row))];
        double[] merged = Run(DType.Float32, [rows, row], new double[values.Length], [values], [1],
            MergeStrategies.Della(new() { Density = 0.6, Epsilon = 0.3, Rescale = Rescale.None }));
        double Share(double from, double to) =>
            values.Zip(merged).Where(p => p.First > from && p.First <= to).Average(p => p.Second != 0 ? 1.0 : 0);
        Assert.InRange(Share(0, row), 0.595, 0.605);
        Assert.InRange(Share(0, 100), 0.32, 0.34);
        Assert.InRange(Share(450, 550), 0.59, 0.61);
        Assert.InRange(Share(900, 1000), 0.86, 0.88);
    }

    [Fact]
    public void Della_takes_a_long_row_of_two_magnitudes()
    {
        double[] @base = new double[1_000_000], sources = [.. @base.Select((_, i) => i % 2 == 0 ? 0 : 0.5)];
        double[] merged = Run(DType.BFloat16, [1_000_000], @base, [sources], [1],
            MergeStrategies.Della(new() { Density = 0.5, Epsilon = 0.4, Rescale = Rescale.None }));
        bool[] kept = Kept(sources, 0.5, 0.4, [1_000_000], 0, seed: 7);
        Assert.Equal(sources.Zip(kept, (v, k) => k ? v : 0), merged);
    }

    private static bool[] Kept(double[] d, double density, double epsilon, long[] shape, int source, long seed = 7) =>
        [.. KeptSets.Probabilities(d, density, epsilon, shape, single: false).Zip(Numbers(seed, "w", source, d.Length), (p, u) => u < p)];

    private static double[] Numbers(long seed, string tensor, int source, int count = N)
    {
        ulong stream = CounterRandom.CreateStream(seed, tensor, source);
        return [.. Enumerable.Range(0, count).Select(i => CounterRandom.ComputeUniform(stream, i))];
    }

    /// <summary>The correlation of independent uniforms has a deviation of 1 / sqrt(n).</summary>
    private static void Uncorrelated(double[] a, double[] b) =>
        Assert.InRange(a.Zip(b, (x, y) => (x - 0.5) * (y - 0.5)).Average() * 12, -4.5 / Math.Sqrt(a.Length), 4.5 / Math.Sqrt(a.Length));

    private static (double[] Base, double[][] Sources) Models(DType dtype, long[] shape, int sources)
    {
        Random random = new(8);
        int count = (int)shape.Aggregate(1L, (a, b) => a * b);
        double[] Rounded(IEnumerable<double> values) => SmallModels.Values(SmallModels.Of("x", dtype, ("x", [count], [.. values])), "x");
        double[] @base = Rounded(Enumerable.Range(0, count).Select(_ => random.NextDouble() - 0.5));
        return (@base,
            [.. Enumerable.Range(0, sources)
                .Select(_ =>
                    Rounded(@base.Select(v => v
                        + (random.Next(4) switch { 0 => 0, 1 => 0.0625, _ => (random.NextDouble() - 0.5) / 5 }))))]);
    }

    private static void Same(DType dtype, double[] expected, double[] actual, string what)
    {
        if (dtype == DType.Float64)
        {
            // The oracle is no more precise than the output.
            Assert.Equal(expected.Length, actual.Length);
            Assert.True(expected.Zip(actual).All(p => Math.Abs(p.First - p.Second) <= 1e-12), what);
            return;
        }

        Oracle.WithinOneUlp(dtype, expected, actual, what);
    }

    private static double[] Run(DType dtype, long[] shape, double[] @base, double[][] sources, double[] weights, IMergeStrategy strategy)
    {
        using TempFolder temp = new();
        MergeBuilder builder = Merge.Onto(SmallModels.Of("base", dtype, ("w", shape, @base)));
        for (int s = 0; s < sources.Length; s++)
        {
            builder = builder.With(SmallModels.Of($"source {s}", dtype, ("w", shape, sources[s])), weights[s]);
        }

        builder.WithSeed(7).Using(strategy).SaveAsync(temp["out"]).GetAwaiter().GetResult();
        using ICheckpoint merged = Checkpoint.Open(temp["out"]);
        return SmallModels.Values(merged, "w");
    }

    private static byte[] Run(string method, long seed, params (string Name, long[] Shape, double[] Values)[] tensors)
    {
        using TempFolder temp = new();
        ICheckpoint @base = SmallModels.Of("base", DType.Float32, [.. tensors.Select(t => (t.Name, t.Shape, new double[t.Values.Length]))]);
        Dictionary<string, PerSource> half = new(StringComparer.Ordinal) { ["density"] = 0.5 };
        Merge.Onto(@base).With(SmallModels.Of("tuned", DType.Float32, tensors)).WithSeed(seed)
            .Using(MergeStrategies.Find(method).Create(half)).SaveAsync(temp["out"]).GetAwaiter().GetResult();
        using ICheckpoint merged = Checkpoint.Open(temp["out"]);
        return SmallModels.Bytes(merged, "model.layers.0.w");
    }
}
