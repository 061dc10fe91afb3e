using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LayerSwap.Buffers;

/// <summary>A list of pooled arrays (chunks). Adding never copies existing items.</summary>
internal sealed class ChunkList<T>(ChunkPool pool)
    where T : unmanaged
{
    private static readonly int Capacity = ChunkPool.ChunkWords * sizeof(ulong) / Unsafe.SizeOf<T>();

    /// <summary>All chunks but the last are full.</summary>
    private readonly List<ulong[]> _chunks = [];

    public int Count { get; private set; }

    public ref T this[int index] => ref Items(index / Capacity)[index % Capacity];

    /// <summary>The number of chunks.</summary>
    public int ChunkCount => _chunks.Count;

    public void Add(T item) => Add([item]);

    public void Add(ReadOnlySpan<T> items)
    {
        while (!items.IsEmpty)
        {
            Span<T> reserved = Reserve(items.Length);
            items[..reserved.Length].CopyTo(reserved);
            items = items[reserved.Length..];
        }
    }

    /// <summary>Adds uninitialized items and returns their span: at least one, at most as many as fit in the last chunk.</summary>
    public Span<T> Reserve(int wanted)
    {
        int start = Count % Capacity;
        if (start == 0)
        {
            _chunks.Add(pool.Rent());
        }

        int length = Math.Min(wanted, Capacity - start);
        Count += length;
        return Items(_chunks.Count - 1).Slice(start, length);
    }

    /// <summary>Gets the items of a chunk.</summary>
    public ReadOnlySpan<T> GetChunk(int chunk) => Items(chunk)[..Math.Min(Capacity, Count - (chunk * Capacity))];

    /// <summary>Fills a span with the items from an index on.</summary>
    public void CopyTo(int start, Span<T> destination)
    {
        while (!destination.IsEmpty)
        {
            ReadOnlySpan<T> source = GetChunk(start / Capacity)[(start % Capacity)..];
            int length = Math.Min(source.Length, destination.Length);
            source[..length].CopyTo(destination);
            destination = destination[length..];
            start += length;
        }
    }

    /// <summary>Adds all items of another list.</summary>
    public void Append(ChunkList<T> other)
    {
        for (int chunk = 0; chunk < other.ChunkCount; chunk++)
        {
            Add(other.GetChunk(chunk));
        }
    }

    /// <summary>Clears the list and returns its chunks to the pool.</summary>
    public void Release()
    {
        foreach (ulong[] chunk in _chunks)
        {
            pool.Return(chunk);
        }

        _chunks.Clear();
        Count = 0;
    }

    private Span<T> Items(int chunk) => MemoryMarshal.Cast<ulong, T>(_chunks[chunk].AsSpan())[..Capacity];
}
