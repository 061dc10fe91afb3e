using System.Runtime.InteropServices;
using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

/// <summary>Compares thresholds with a sort, by key descending and index ascending, of tensors too large to be gathered whole.</summary>
public sealed class RankSelectorTests
{
    private const int N = 1_300_003, Large = 2_200_001;

    public static TheoryData<string> Distributions => [.. Shapes.Keys];

    private static Dictionary<string, Func<float[]>> Shapes { get; } = new(StringComparer.Ordinal)
    {
        ["random"] = () => Fill(N, (_, r) => (float)(r.NextDouble() - 0.5)),
        ["five values"] = () => Fill(N, (_, r) => r.Next(-2, 3) * 0.5f),
        ["one value is three fifths"] = () => Fill(Large, (_, r) => r.NextDouble() < 0.6 ? 0.25f : (float)r.NextDouble()),
        ["all equal"] = () => Fill(N, (_, _) => -3),
        ["all zero"] = () => Fill(N, (i, _) => i % 2 == 0 ? 0f : -0f),
        ["few changed"] = () => Fill(N, (_, r) => r.Next(500) == 0 ? (float)r.NextDouble() : 0),
        ["hardly any changed"] = () => Fill(N, (i, _) => i % 200_000 == 77 ? i : 0),
        ["ascending"] = () => Fill(N, (i, _) => i),
        ["descending"] = () => Fill(N, (i, _) => -(N - i) / 2),
        ["large where it is sampled"] = () => Fill(N, (i, r) => (float)r.NextDouble() + (Sampled(i, N) ? 2 : 0)),
        ["small where it is sampled, alike elsewhere"] =
            () => Fill(Large, (i, r) => Sampled(i, Large) ? (float)r.NextDouble() / 2 : 1 + (r.Next(3000) / 8388608f)),
        ["equal where it is not sampled"] = () => Fill(Large, (i, r) => Sampled(i, Large) ? (float)r.NextDouble() / 2 : 1),
        ["rising by halves"] = () => Fill(N, (i, r) => (float)(r.NextDouble() * Math.Pow(2, i / 100_000))),
        ["non-finite"] = () => Fill(N, (_, r) => r.Next(8) switch
        {
            0 => float.NaN,
            1 => float.PositiveInfinity,
            2 => float.NegativeInfinity,
            3 => float.Epsilon,
            _ => (float)r.NextDouble(),
        }),
    };

    [Theory]
    [MemberData(nameof(Distributions))]
    public void Thresholds_are_those_of_a_sort_for_any_number_of_workers(string distribution)
    {
        float[] values = Shapes[distribution]();
        long n = values.Length;
        ulong[] keys = [.. values.Select(v => SortKey.Of(v))];
        long[] ranks = [0, 1, 2, n / 100, n / 3, n / 2, (long)(0.6 * n), n - 2, n - 1, n];
        RankRequest[] requests = [.. ranks.Select(r => new RankRequest(0, r))];
        RankThreshold[] expected = Sorted([keys], requests);
        foreach (int workers in (int[])[1, 2, 8])
        {
            Assert.Equal(expected, Select(DType.Float32, new float[n], [values], new DeltaRanking(), workers, requests));
        }
    }

    [Fact]
    public void Several_rankings_are_selected_from_at_once()
    {
        float[] @base = Fill(N, (_, r) => (float)r.NextDouble() * 10);
        float[][] sources = [Fill(N, (i, r) => @base[i] + (r.Next(3) * 0.125f)), Fill(N, (i, _) => @base[i] + (i * 1e-6f)), [.. @base]];
        ulong[][] keys = [.. sources.Select(s => s.Select((v, i) => SortKey.Of((double)v - @base[i])).ToArray())];
        RankRequest[] requests = [new(0, N / 100), new(0, N / 2), new(1, N / 100),
            new(1, N / 2), new(2, N / 3), new(0, 0), new(1, N), new(2, N - 1)];
        RankThreshold[] expected = Sorted(keys, requests);
        Assert.Equal(expected, Select(DType.Float32, @base, sources, new DeltaRanking(), 2, requests));
        for (int i = 0; i < requests.Length; i++)
        {
            Assert.Equal([expected[i]], Select(DType.Float32, @base, sources, new DeltaRanking(), 1, requests[i]));
        }
    }

    /// <summary>The tensors are sampled twice: one has rows that differ in scale, the other few and mostly equal values.</summary>
    [Fact]
    public void Large_tensors_need_one_pass()
    {
        const int n = (1 << 24) + 12_345;
        double scale = 0;
        float[][] sources =
        [
            Fill(n, (i, r) => (float)((scale = i % 5000 == 0 ? r.NextDouble() : scale) * r.NextDouble())),
            Fill(n, (_, r) => (byte)r.Next() * (byte)r.Next() / 65536f),
        ];
        ulong[][] keys = [.. sources.Select(s => s.Select(v => SortKey.Of(v)).ToArray())];
        RankRequest[] requests = [new(0, n / 5), new(1, n / 5), new(0, n - (n / 50)), new(1, 77)];
        CountingRanking ranking = new();
        Assert.Equal(Sorted(keys, requests), Select(DType.Float32, new float[n], sources, ranking, 2, requests));

        // The samples have less than a tenth of the elements.
        Assert.InRange(ranking.Elements, requests.Length * (long)n, (long)(1.1 * requests.Length * n));
    }

    [Fact]
    public void Float64_deltas_that_differ_in_their_last_bits_are_distinguished()
    {
        Random random = new(4);
        double[] values =
            [.. Enumerable.Range(0, N)
                .Select(i => Sampled(i, N)
                    ? random.NextDouble()
                    : BitConverter.Int64BitsToDouble(0x3FF0000000000000 + random.Next(70_000)))];
        ulong[] keys = [.. values.Select(SortKey.Of)];
        RankRequest[] requests = [new(0, N / 100), new(0, N / 2), new(0, N - 1000)];
        Assert.Equal(Sorted([keys], requests), Select(DType.Float64, new double[N], [values], new DeltaRanking(), 2, requests));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(1000)]
    [InlineData(4097)]
    public void Small_tensors_are_gathered_whole(int n)
    {
        float[] values = Fill(n, (_, r) => r.Next(-3, 4));
        RankRequest[] requests = [.. new long[] { 0, 1, n / 2, n - 1, n }.Select(r => new RankRequest(0, r))];
        ulong[] keys = [.. values.Select(v => SortKey.Of(v))];
        Assert.Equal(Sorted([keys], requests), Select(DType.Float32, new float[n], [values], new DeltaRanking(), 2, requests));
    }

    /// <summary>Whether an element is in one of the 256 windows of 512 elements that bounds are sampled from.</summary>
    private static bool Sampled(int i, int n) => i % ((n - 512) / 255) < 512;

    private static float[] Fill(int n, Func<int, Random, float> value)
    {
        Random random = new(n);
        return [.. Enumerable.Range(0, n).Select(i => value(i, random))];
    }

    private static RankThreshold[] Sorted(ulong[][] rankings, RankRequest[] requests)
    {
        ulong[][] sorted = [.. rankings.Select(k => k.ToArray())];
        Array.ForEach(sorted, Array.Sort);
        return [.. requests.Select(request =>
        {
            ulong[] keys = rankings[request.Ranking];
            if (request.Rank == 0)
            {
                return RankThreshold.None;
            }

            if (request.Rank == keys.Length)
            {
                return RankThreshold.All;
            }

            ulong key = sorted[request.Ranking][keys.Length - request.Rank];
            long tie = request.Rank - keys.LongCount(k => k > key);
            int index = -1;
            for (; tie > 0; tie--)
            {
                index = Array.IndexOf(keys, key, index + 1);
            }

            return new RankThreshold(key, index);
        })];
    }

    private static RankThreshold[] Select<T>(DType dtype, T[] @base, T[][] sources,
        IRanking ranking, int workers, params RankRequest[] requests)
        where T : unmanaged
    {
        RankThreshold[] thresholds = [];
        ICheckpoint Model(string name, T[] values)
        {
            ReadOnlyMemory<byte> bytes = MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
            return Checkpoint.InMemory(name, [(new TensorInfo("w", dtype, new TensorShape(values.Length)), bytes)]);
        }

        using TempFolder temp = new();
        MergeBuilder builder = Merge.Onto(Model("base", @base));
        for (int i = 0; i < sources.Length; i++)
        {
            builder = builder.With(Model($"source {i}", sources[i]));
        }

        Probe probe = new(passes => thresholds = RankSelector.Select(passes, ranking, requests));
        builder.Using(probe).OnThreads(workers).SaveAsync(temp["out"]).GetAwaiter().GetResult();
        return thresholds;
    }

    /// <summary>Counts the elements that are ranked.</summary>
    private sealed class CountingRanking : IRanking
    {
        private readonly DeltaRanking _deltas = new();
        private long _elements;

        public long Elements => _elements;

        public void ComputeKeys<T>(in OperandBlock<T> block, int ranking, Span<ulong> keys)
            where T : unmanaged => _deltas.ComputeKeys(block, ranking, keys);

        public void AddTo<T>(in OperandBlock<T> block, int ranking, ReadOnlySpan<CandidateSet> candidates)
            where T : unmanaged
        {
            Interlocked.Add(ref _elements, (long)candidates.Length * block.Length);
            _deltas.AddTo(block, ranking, candidates);
        }
    }

    /// <summary>Runs an action on the passes of a merge whose output is zeros.</summary>
    private sealed class Probe(Action<TensorPasses> select) : IMergeStrategy
    {
        public string Name => "probe";

        public string Settings => "";

        public TensorOperation Bind(TensorContext tensor) => new Bound(select);

        private sealed class Bound(Action<TensorPasses> select) : TensorOperation
        {
            public override void Prepare(TensorPasses passes) => select(passes);

            public override void Merge(OperandBlock<float> block) => block.Output.Clear();
        }
    }
}
