using LayerSwap.Checkpoints.PyTorch;

namespace LayerSwap.Tests.Checkpoints.PyTorch;

public sealed class StridedReaderTests
{
    /// <summary>Compares random views and ranges with a reader that looks up every element.</summary>
    [Fact]
    public void Any_range_of_any_view_is_gathered_in_row_major_order()
    {
        Random random = new(1);
        for (int trial = 0; trial < 2000; trial++)
        {
            int rank = random.Next(5), width = 1 << random.Next(4);
            long[] sizes = [.. Enumerable.Range(0, rank).Select(_ => (long)random.Next(1, 7))];
            long[] strides = [.. Enumerable.Range(0, rank).Select(_ => (long)random.Next(12))];
            long offset = random.Next(5), count = sizes.Aggregate(1L, (p, s) => p * s);
            byte[] storage = new byte[(offset + sizes.Zip(strides, (s, t) => (s - 1) * t).Sum() + 1) * width];
            random.NextBytes(storage);
            long first = random.NextInt64(count), taken = random.NextInt64(1, count - first + 1);
            byte[] found = new byte[taken * width], expected = new byte[found.Length];
            for (long i = 0; i < taken; i++)
            {
                long rest = first + i, element = offset;
                for (int axis = rank - 1; axis >= 0; axis--)
                {
                    element += rest % sizes[axis] * strides[axis];
                    rest /= sizes[axis];
                }

                storage.AsSpan((int)(element * width), width).CopyTo(expected.AsSpan((int)(i * width)));
            }

            new StridedReader(sizes, strides, offset, width)
                .Read((position, bytes) => storage.AsSpan((int)position, bytes.Length).CopyTo(bytes), first, found);

            Assert.True(expected.AsSpan().SequenceEqual(found),
                $"sizes {string.Join(',', sizes)}, strides {string.Join(',', strides)}, {taken} from {first}");
        }
    }

    [Fact]
    public void A_transposed_matrix_is_read_in_columns_not_in_elements()
    {
        int reads = 0;
        byte[] found = new byte[64 * 1000 * 2];

        new StridedReader([1000, 1000], [1, 1000], 0, 2).Read((_, _) => reads++, 0, found);

        Assert.Equal(1000, reads);
    }
}
