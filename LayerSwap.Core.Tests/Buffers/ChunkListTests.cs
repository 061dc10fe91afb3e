using LayerSwap.Buffers;

namespace LayerSwap.Tests.Buffers;

public sealed class ChunkListTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(ChunkPool.ChunkWords - 1)]
    [InlineData(ChunkPool.ChunkWords)]
    [InlineData((3 * ChunkPool.ChunkWords) + 17)]
    public void Items_are_read_back_in_order(int count)
    {
        ChunkPool pool = new();
        ChunkList<ulong> list = new(pool), more = new(pool);
        ulong[] items = [.. Enumerable.Range(0, count).Select(i => (ulong)i)];
        list.Add(items.AsSpan(0, count / 2));
        more.Add(items.AsSpan(count / 2));
        list.Append(more);
        Assert.Equal(count, list.Count);
        Assert.Equal(items, Enumerable.Range(0, list.ChunkCount).SelectMany(p => list.GetChunk(p).ToArray()));
        Assert.Equal(items, Enumerable.Range(0, count).Select(i => list[i]));
        ulong[] copy = new ulong[count - (count / 3)];
        list.CopyTo(count / 3, copy);
        Assert.Equal(items[(count / 3)..], copy);
    }

    [Fact]
    public void Released_arrays_are_lent_again()
    {
        ChunkPool pool = new();
        ChunkList<int> list = new(pool);
        list.Add(new int[(4 * ChunkPool.ChunkWords) + 1]);
        Assert.Equal((3, 0), (list.ChunkCount, pool.FreeCount));
        list.Release();
        Assert.Equal((0, 0, 3), (list.ChunkCount, list.Count, pool.FreeCount));
        list.Add(7);
        Assert.Equal(2, pool.FreeCount);
        Assert.Equal(7, list[0]);
    }
}
