using FsCheck;
using FsCheck.Fluent;

namespace LayerSwap.Tests.Execution;

/// <summary>Same inputs and settings, same bytes: for any number of threads and any block size.</summary>
public sealed class DeterminismTests
{
    private static readonly DType[] DTypesTried = [DType.BFloat16, DType.Float32, DType.Float16, DType.Float64, DType.Float8E4M3];

    private static readonly LayerSwapOptions Proportional =
        new() { Bottom = 1, Top = 1, TransitionBottom = 1, TransitionTop = 1, Weights = TransitionWeights.Proportional };

    private static readonly (string Name, Func<ICheckpoint[], MergeBuilder> Build)[] Merges =
    [
        ("swap", m => Merge.LayerSwap(m[1], m[2], Proportional, m[0])),
        ("soup", m => Merge.Soup(m)),
        ("task arithmetic", m => Merge.Onto(m[0]).With(m[1], 0.6).With(m[2], 0.3).TaskArithmetic(0.8)),
        ("cast", m => Merge.Onto(m[0]).As(DType.Float16)),
    ];

    [Fact]
    public void Bytes_depend_neither_on_threads_nor_on_blocks()
    {
        var cases = from merge in Gen.Elements(Merges)
                    from dtype in Gen.Elements(DTypesTried)
                    from threads in Gen.Elements(1, 2, 8)
                    from block in Gen.OneOf(Gen.Choose(1, 40), Gen.Choose(41, 5000), Gen.Constant(int.MaxValue))
                    from shard in Gen.Elements(20_000L, 5_000_000L)
                    select (merge, dtype, threads, block, shard);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            ICheckpoint[] models = [.. Enumerable.Range(0, 3).Select(i => SmallModels.Llama($"m{i}", i, c.dtype, layers: 4))];
            using TempFolder temp = new();
            Save(c.merge.Build(models).InShardsOf(c.shard).OnThreads(1), temp["expected"]);
            Save(c.merge.Build(models).InShardsOf(c.shard).OnThreads(c.threads).InBlocksOf(c.block), temp["actual"]);
            SameFolder(temp["expected"], temp["actual"]);
        }).Check(Properties.Config.WithMaxTest(25));
    }

    [Fact]
    public async Task Tensors_with_many_chunks_are_deterministic()
    {
        double[] Values(double phase) => [.. Enumerable.Range(0, 700_001).Select(i => Math.Sin((i * 0.001) + phase))];
        ICheckpoint[] models = [
            .. Enumerable.Range(0, 3).Select(
                m => SmallModels.Of($"m{m}", DType.BFloat16, ("model.layers.0.w.weight", [700_001], Values(m))))];
        LayerSwapOptions options =
            new() { Bottom = 0, Top = 0, TransitionBottom = 1, TransitionTop = 0, Weights = TransitionWeights.InverselyProportional };
        using TempFolder temp = new();
        (int Threads, int Block)[] ways = [(1, int.MaxValue), (2, 65536), (8, 4097), (3, 100_000)];
        foreach ((int threads, int block) in ways)
        {
            await Merge.LayerSwap(models[1], models[2], options, models[0])
                .OnThreads(threads)
                .InBlocksOf(block)
                .SaveAsync(temp[$"{threads}"]);
            SameFolder(temp["1"], temp[$"{threads}"]);
        }
    }

    public static TheoryData<string> Methods => [.. MergeStrategies.Methods.Where(m => !m.IsWholeModel).Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Methods))]
    public void Every_method_gives_the_same_bytes_in_any_blocks_on_any_threads(string method)
    {
        using TempFolder temp = new();
        ICheckpoint[] models = MethodMerges.Models();
        Save(MethodMerges.Of(method, models).OnThreads(1), temp["expected"]);
        (int Threads, int Block)[] ways = [(1, 1), (2, 3), (8, 7), (2, 64), (8, 1000), (1, 4999)];
        foreach ((int threads, int block) in ways)
        {
            Save(MethodMerges.Of(method, models).OnThreads(threads).InBlocksOf(block), temp[$"{threads} {block}"]);
            SameFolder(temp["expected"], temp[$"{threads} {block}"]);
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Every_method_gives_the_same_bytes_if_rows_and_chunks_do_not_align(string method)
    {
        using TempFolder temp = new();
        ICheckpoint[] models = [.. Enumerable.Range(0, 3).Select(
            i => SmallModels.Of($"m{i}", DType.BFloat16, ("w", [7, 100_003], MethodMerges.Noise(700_021, i))))];
        Save(MethodMerges.Of(method, models).OnThreads(1), temp["1"]);
        (int Threads, int Block)[] ways = [(2, 131_071), (8, 70_001)];
        foreach ((int threads, int block) in ways)
        {
            Save(MethodMerges.Of(method, models).OnThreads(threads).InBlocksOf(block), temp[$"{threads}"]);
            SameFolder(temp["1"], temp[$"{threads}"]);
        }
    }

    /// <summary>
    /// Zeros of both signs, and sources that give negative coefficients. The sign of a sum of zeros depends on the order of additions.
    /// </summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void Every_method_gives_zeros_the_same_sign_in_any_blocks(string method)
    {
        using TempFolder temp = new();
        Random random = new(5);
        DType[] dtypes = [DType.BFloat16, DType.Float32, DType.Float64];
        double[] scales = [1, 2, -1, 1.5];
        ICheckpoint[] models = [.. scales.Select((scale, m) => Checkpoint.InMemory($"m{m}", [.. dtypes.Select(dtype => (
            new TensorInfo($"model.layers.0.{dtype.Code()}.weight", dtype, new TensorShape(41, 50)),
            (ReadOnlyMemory<byte>)SmallModels.Encode(
                dtype,
                [.. Enumerable.Range(0, 41 * 50)
                    .Select(i => random.Next(3) == 0 ? random.Next(2) == 0 ? -0.0 : 0 : scale * Math.Sin(i))])))]))];
        MergeBuilder[] merges = method == "model_stock"
            ? [
                MethodMerges.Of(method, models),
                Merge.Onto(models[0]).With(models[1]).With(models[2]).Using(MergeStrategies.ModelStock(filterWise: true))]
            : [MethodMerges.Of(method, models)];
        foreach (MergeBuilder merge in merges)
        {
            string name = Path.GetRandomFileName();
            Save(merge.OnThreads(1).InBlocksOf(1), temp[name]);
            foreach (int block in (ReadOnlySpan<int>)[31, 100, 1000, 100_000])
            {
                Save(merge.InBlocksOf(block), temp[$"{name} {block}"]);
                SameFolder(temp[name], temp[$"{name} {block}"]);
            }
        }
    }

    /// <summary>BF16 inputs give the same result as equal values stored as F32.</summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void Every_method_gives_the_same_bytes_for_equal_values_in_any_dtype(string method)
    {
        const int Rows = 37, Columns = 1027;
        using TempFolder temp = new();
        string[] names = ["model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.up_proj.weight"];
        double[][][] numbers =
            [.. Enumerable.Range(0, 4).Select(m => names.Select((_, t) => MethodMerges.Noise(Rows * Columns, (10 * t) + m)).ToArray())];
        foreach (DType dtype in (ReadOnlySpan<DType>)[DType.BFloat16, DType.Float32])
        {
            ICheckpoint[] models = [.. numbers.Select(
                (own, m) =>
                    SmallModels.Of($"m{m}", dtype, [.. names.Select((n, t) => (n, new long[] { Rows, Columns }, Rounded(own[t])))]))];
            Save(MethodMerges.Of(method, models).As(DType.BFloat16).OnThreads(2), temp[dtype.Code()]);
        }

        Assert.Equal(Tensors("BF16"), Tensors("F32"));

        // Values that BF16 represents exactly.
        static double[] Rounded(double[] own) =>
            SmallModels.Values(SmallModels.Of("rounded", DType.BFloat16, ("w", [own.Length], own)), "w");

        byte[] Tensors(string name)
        {
            using ICheckpoint merged = Checkpoint.Open(temp[name]);
            return [.. names.SelectMany(n => SmallModels.Bytes(merged, n))];
        }
    }

    /// <summary>The payload of a sum of two NaNs depends on the instruction. The output must not.</summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void Every_method_gives_the_same_bytes_for_NaN_inputs(string method)
    {
        const int Rows = 5, Columns = 1027;
        using TempFolder temp = new();
        Random random = new(3);
        DType[] dtypes = [DType.Float32, DType.BFloat16, DType.Float64];
        ICheckpoint[] models = [.. Enumerable.Range(0, 4).Select(i => Checkpoint.InMemory($"m{i}", [.. dtypes.Select(dtype => (
            new TensorInfo($"model.layers.0.{dtype.Code()}.weight", dtype, new TensorShape(Rows, Columns)),
            (ReadOnlyMemory<byte>)Numbers(dtype)))]))];
        Save(MethodMerges.Of(method, models).OnThreads(1), temp["expected"]);
        foreach ((int threads, int block) in (ReadOnlySpan<(int, int)>)[(1, 17), (2, 1009), (2, 1), (1, 100_000)])
        {
            Save(MethodMerges.Of(method, models).OnThreads(threads).InBlocksOf(block), temp[$"{threads} {block}"]);
            SameFolder(temp["expected"], temp[$"{threads} {block}"]);
        }

        // One third are NaNs with any payload and sign, or infinities.
        byte[] Numbers(DType dtype)
        {
            byte[] bytes = SmallModels.Encode(dtype, [.. Enumerable.Range(0, Rows * Columns).Select(_ => random.NextDouble() - 0.5)]);
            int width = bytes.Length / (Rows * Columns);
            for (int i = 0; i < bytes.Length; i += width)
            {
                if (random.Next(3) == 0)
                {
                    random.NextBytes(bytes.AsSpan(i, width));
                    (bytes[i + width - 1], bytes[i + width - 2]) =
                        ((byte)(0x7F | bytes[i + width - 1]), (byte)(bytes[i + width - 2] | 0xF0));
                }
            }

            return bytes;
        }
    }

    private static void Save(MergeBuilder builder, string path) => builder.SaveAsync(path).GetAwaiter().GetResult();

    private static void SameFolder(string expected, string actual)
    {
        string[] names = [.. Directory.EnumerateFiles(expected).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];
        Assert.Equal(names, Directory.EnumerateFiles(actual).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        // The card contains the folder name and the thread count of the plan. All other files are equal.
        foreach (string name in names.Where(n => n != "README.md"))
        {
            Assert.True(
                File.ReadAllBytes(Path.Combine(expected, name)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(actual, name))),
                name);
        }
    }
}
