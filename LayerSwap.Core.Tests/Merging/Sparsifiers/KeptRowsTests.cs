using LayerSwap.Buffers;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Merging.Sparsifiers;

/// <summary>What is remembered of rows, and for how long.</summary>
public sealed class KeptRowsTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(63, 10_000)]
    [InlineData(64, 10_000)]
    [InlineData(1000, 3000)]
    [InlineData(64 * ChunkPool.Words, 3)]
    public void Every_row_of_every_source_has_its_own_bits(long row, int rows)
    {
        KeptRows kept = new(new ChunkPool(), 3, row, row * rows);
        for (int source = 0; source < 3; source++)
        {
            for (int r = 0; r < rows; r++)
            {
                Assert.True(kept.Has(r * row));
                kept.Of(source, r * row).Fill((ulong)((source * rows) + r));
            }
        }

        for (int source = 0; source < 3; source++)
        {
            for (int r = 0; r < rows; r++)
            {
                Span<ulong> bits = kept.Of(source, r * row);
                Assert.Equal(BitMask.Words(row), bits.Length);
                Assert.Equal(bits.Length, bits.Count((ulong)((source * rows) + r)));
            }
        }
    }

    [Fact]
    public void What_there_is_no_room_for_is_not_remembered()
    {
        const long row = 1000;
        ChunkPool pool = new();
        KeptRows kept = new(pool, 2, row, 1_000_000, 4 * ChunkPool.Words * sizeof(ulong));
        long rows = Enumerable.Range(0, 1000).TakeWhile(r => kept.Has(r * row)).Count();
        Assert.Equal(2 * (ChunkPool.Words / BitMask.Words(row)), rows);
        Assert.False(kept.Has(rows * row));
        kept.Leave();
        Assert.Equal(4, pool.Count);
        Assert.False(new KeptRows(pool, 2, (64 * ChunkPool.Words) + 1, 1_000_000).Has(0));
    }

    [Fact]
    public void The_arrays_go_back_when_the_last_has_left()
    {
        ChunkPool pool = new();
        KeptRows kept = new(pool, 1, 64, 640);
        Assert.True(kept.TryEnter());
        kept.Leave();
        Assert.True(kept.TryEnter());
        Assert.Equal(0, pool.Count);
        kept.Leave();
        kept.Leave();
        Assert.Equal(1, pool.Count);
        Assert.False(kept.TryEnter());
    }

    [Fact]
    public void Nobody_reads_arrays_that_have_gone_back()
    {
        for (int round = 0; round < 200; round++)
        {
            ChunkPool pool = new();
            KeptRows kept = new(pool, 1, 64, 64);
            kept.Of(0, 0)[0] = 1;
            int wrong = 0;
            Thread[] readers = [.. Enumerable.Range(0, 2).Select(_ => new Thread(() =>
            {
                while (kept.TryEnter())
                {
                    Interlocked.Add(ref wrong, kept.Of(0, 0)[0] == 1 ? 0 : 1);
                    kept.Leave();
                }
            }))];
            Array.ForEach(readers, r => r.Start());
            kept.Leave();
            while (pool.Count == 0)
            {
                Thread.Yield();
            }

            pool.Rent()[0] = 2;
            Array.ForEach(readers, r => r.Join());
            Assert.Equal(0, wrong);
        }
    }
}
