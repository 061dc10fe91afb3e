using LayerSwap.Diff;
using LayerSwap.Execution;
using LayerSwap.Planning;
using LayerSwap.Streaming;

namespace LayerSwap.Tests.Execution;

/// <summary>After warm-up, blocks allocate no memory, in merges and in passes.</summary>
public sealed class AllocationTests
{
    private const int Elements = 400_000, Block = 20_000, Warm = 60;

    public static TheoryData<string> Methods => [.. MergeStrategies.Methods.Where(m => !m.IsWholeModel).Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Methods))]
    public void Blocks_are_merged_without_allocating(string method)
    {
        // Rows of 1000 elements, so that blocks of row-wise methods contain whole rows.
        ICheckpoint[] models = [.. Enumerable.Range(0, 3).Select(
            i => SmallModels.Of($"m{i}", DType.BFloat16, ("w", [400, 1000], MethodMerges.Noise(Elements, i))))];
        PlannedTensor tensor = Assert.Single(MethodMerges.Of(method, models).OnThreads(1).Plan().Tensors);
        if (tensor.Work is not TensorWork.Compute compute)
        {
            return;
        }

        compute.Operation.Prepare(new StreamedPasses(new BlockStreamer(new WorkerPool(1, CancellationToken.None)), 0, compute, Elements));
        WorkerBuffers buffers = new();
        NonFiniteCounter tally = new(refuse: false);
        void Merge(int rounds)
        {
            for (int i = 0; i < rounds; i++)
            {
                long start = (long)i * Block % Elements;
                BlockComputer.Compute<float>(
                    buffers, tensor, BlockRange.AlignToRows(start, Block, compute.Operation.RowLength, Elements),
                        compute.Operation.RowLength, tally);
            }
        }

        // Enough rounds for the JIT compiler to finish and for the pools to fill.
        Merge(Warm);
        Assert.Equal(0, Least(() => Merge(Elements / Block)));
    }

    [Theory]
    [InlineData("model_stock")]
    [InlineData("slerp")]
    [InlineData("ties")]
    [InlineData("breadcrumbs")]
    [InlineData("dare_ties")]
    [InlineData("della")]
    [InlineData("sce")]
    public void Passes_allocate_per_chunk_and_not_per_block(string method)
    {
        long Allocated(int chunks)
        {
            int elements = chunks * ChunkSizes.ChunkLength;
            ICheckpoint[] models = [.. Enumerable.Range(0, 3).Select(
                i => SmallModels.Of($"m{i}", DType.BFloat16, ("w", [elements], MethodMerges.Noise(elements, i))))];
            PlannedTensor tensor = Assert.Single(MethodMerges.Of(method, models).OnThreads(1).Plan().Tensors);
            TensorWork.Compute compute = Assert.IsType<TensorWork.Compute>(tensor.Work);
            BlockStreamer streamer = new(new WorkerPool(1, CancellationToken.None));
            for (int i = 0; i < Warm; i++)
            {
                compute.Operation.Prepare(new StreamedPasses(streamer, 0, compute, elements));
            }

            return Least(() => compute.Operation.Prepare(new StreamedPasses(streamer, 0, compute, elements)));
        }

        // A chunk has 68 blocks. Less than 12 bytes per block leaves room only for the state of the chunk.
        Assert.InRange(Allocated(3) - Allocated(2), long.MinValue, 12 * ChunkSizes.ChunkLength / ChunkSizes.ObserveBlock);
    }

    [Fact]
    public void A_diff_allocates_per_chunk_and_not_per_block()
    {
        long Allocated(int chunks)
        {
            int elements = chunks * ChunkSizes.ChunkLength;
            ICheckpoint[] models = [.. Enumerable.Range(0, 3).Select(
                i => SmallModels.Of($"m{i}", DType.BFloat16, ("w", [elements], MethodMerges.Noise(elements, i))))];
            Operand[] operands = [.. models.Select(m => new Operand(m, m.Tensors[0]))];
            BlockStreamer streamer = new(new WorkerPool(1, CancellationToken.None));
            void Reduce() => streamer.Reduce(0, operands, true, new ChunkGrid(0, elements), new DeltaReduction(2, 0));
            for (int i = 0; i < Warm; i++)
            {
                Reduce();
            }

            return Least(Reduce);
        }

        // Every block has elements after its last vector.
        Assert.InRange(Allocated(3) - Allocated(2), long.MinValue, 20 * ChunkSizes.ChunkLength / ChunkSizes.ObserveBlock);
    }

    /// <summary>
    /// Measures the minimum allocation of several runs on this thread. Other tests may empty the pools, and the JIT compiler may run late.
    /// </summary>
    private static long Least(Action work) => Enumerable.Range(0, 10).Min(_ =>
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        work();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    });
}
