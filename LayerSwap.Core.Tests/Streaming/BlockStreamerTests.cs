using System.Numerics;
using System.Runtime.InteropServices;
using LayerSwap.Streaming;

namespace LayerSwap.Tests.Streaming;

public sealed class BlockStreamerTests
{
    private const int Elements = (3 * ChunkSizes.ChunkLength) + 12_345;

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float64)]
    public void A_reduction_has_the_same_bits_for_any_number_of_workers(DType dtype)
    {
        using ICheckpoint model = Model(dtype, out double[] values);
        Fold alone = Reduce(model, 1);
        Assert.Equal(values.Length, alone.Count);
        Assert.Equal(values.Sum(), alone.Sum, Math.Abs(values.Sum(Math.Abs)) * 1e-12);
        Assert.All(new[] { 2, 3, 8 }, workers =>
        {
            Fold many = Reduce(model, workers);
            Assert.Equal(BitConverter.DoubleToInt64Bits(alone.Sum), BitConverter.DoubleToInt64Bits(many.Sum));
            Assert.Equal(alone.Starts, many.Starts);
        });
    }

    [Fact]
    public void Blocks_are_observed_in_order_and_their_bytes_counted()
    {
        using ICheckpoint model = Model(DType.BFloat16, out _);
        long read = 0;
        Fold fold = Reduce(model, 4, bytes => Interlocked.Add(ref read, bytes));
        Assert.Equal(2L * 2 * Elements, read);
        Assert.Equal(fold.Starts.Order(), fold.Starts);
        Assert.Equal(0, fold.Starts[0]);
        Assert.Equal(Elements, fold.Count);
    }

    [Fact]
    public void A_tensor_without_elements_gives_the_empty_state()
    {
        using ICheckpoint model = Checkpoint.InMemory("empty",
            [(new TensorInfo("x", DType.Float32, new TensorShape(0)), ReadOnlyMemory<byte>.Empty)]);
        Assert.Equal(0, Reduce(model, 2).Count);
    }

    [Fact]
    public void Float64_is_needed_if_an_operand_or_the_output_has_it()
    {
        using ICheckpoint model = Model(DType.Float32, out _);
        Operand single = new(model, model.Tensors[0]);
        Operand wide = new(model, new TensorInfo("y", DType.Float64, new TensorShape(1)));
        Assert.False(BlockStreamer.NeedsFloat64([single, single]));
        Assert.True(BlockStreamer.NeedsFloat64([single, wide]));
        Assert.True(BlockStreamer.NeedsFloat64([single], DType.Float64));
    }

    /// <summary>The more operands, the fewer elements are read at once.</summary>
    [Fact]
    public void Sums_do_not_depend_on_the_length_of_reads()
    {
        ICheckpoint model = Model(DType.Float32, out _);
        Operand operand = new(model, model.Tensors[0]);
        Assert.True(ChunkSizes.ReadBlockOf([operand, operand], 1) > 3 * ChunkSizes.ReadBlockOf([.. Enumerable.Repeat(operand, 10)], 1));
        Fold two = Reduce(model, 2), ten = Reduce(model, 2, operands: 10);
        Assert.Equal(two.Starts, ten.Starts);
        Assert.Equal(two.Sum, ten.Sum);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1568)]
    [InlineData(5000)]
    [InlineData(1_000_000)]
    public void Reads_are_whole_rows_and_whole_blocks(long unit)
    {
        ICheckpoint model = Model(DType.Float32, out _);
        for (int operands = 1; operands < 100; operands += 7)
        {
            foreach (DType? output in (DType?[])[null, DType.Float32])
            {
                int block = ChunkSizes.ReadBlockOf([.. Enumerable.Repeat(new Operand(model, model.Tensors[0]), operands)], unit, output);
                Assert.InRange(block, 1, ChunkSizes.ChunkLengthOf(unit));
                Assert.Equal(0, block % unit);
                int step = output is null ? ChunkSizes.ObserveBlockOf(unit) : ChunkSizes.ComputeBlockOf(unit);
                Assert.True(block == ChunkSizes.ChunkLengthOf(unit) || block % step == 0, $"{operands} operands: {block}");
            }
        }
    }

    private static ICheckpoint Model(DType dtype, out double[] values)
    {
        float[] floats = new Noise(20).AnyFloats(Elements);
        double[] given = [.. floats.Select(f => float.IsFinite(f) && Math.Abs(f) < 1e6 ? (double)f : 1)];
        ICheckpoint model = SmallModels.Of("noise", dtype, ("x", [Elements], given));
        values = SmallModels.Values(model, "x");
        return model;
    }

    private static Fold Reduce(ICheckpoint model, int workers, Action<long>? read = null, int operands = 2)
    {
        WorkerPool pool = new(workers, CancellationToken.None);
        BlockStreamer streamer = new(pool);
        Operand operand = new(model, model.Tensors[0]);
        Fold? result = null;
        ChunkGrid grid = new(0, model.Tensors[0].ElementCount);
        pool.Run(1, (worker, _) =>
            result = streamer.Reduce(worker, [.. Enumerable.Repeat(operand, operands)], hasBase: false, grid, new OrderSensitive(), read));
        return result!;
    }

    private sealed class Fold
    {
        public double Sum { get; set; }

        public long Count { get; set; }

        public List<long> Starts { get; } = [];
    }

    /// <summary>Sums numbers of very different sizes: any other order gives other bits.</summary>
    private sealed class OrderSensitive : IReduction<Fold>
    {
        public Fold Create() => new();

        public void Observe<T>(OperandBlock<T> block, Fold state)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            state.Starts.Add(block.Start);
            Assert.True(MemoryMarshal.AsBytes(block[0]).SequenceEqual(MemoryMarshal.AsBytes(block[block.SourceCount - 1])));
            foreach (T value in block[0])
            {
                state.Sum += double.CreateTruncating(value);
                state.Count++;
            }
        }

        public void Combine(Fold into, Fold from)
        {
            into.Sum += from.Sum;
            into.Count += from.Count;
            into.Starts.AddRange(from.Starts);
        }
    }
}
