using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LayerSwap.Buffers;

/// <summary>A list in arrays that are lent: none grows or is copied when it does.</summary>
internal sealed class ChunkList<T>(ChunkPool pool)
    where T : unmanaged
{
    private static readonly int Capacity = ChunkPool.Words * sizeof(ulong) / Unsafe.SizeOf<T>();

    /// <summary>All but the last are full.</summary>
    private readonly List<ulong[]> _chunks = [];

    public int Count { get; private set; }

    public ref T this[int index] => ref Items(index / Capacity)[index % Capacity];

    /// <summary>How many spans there are.</summary>
    public int Parts => _chunks.Count;

    public void Add(T item) => Add([item]);

    public void Add(ReadOnlySpan<T> items)
    {
        while (!items.IsEmpty)
        {
            Span<T> room = Room(items.Length);
            items[..room.Length].CopyTo(room);
            items = items[room.Length..];
        }
    }

    /// <summary>Room at the end for so many more, one at least, or for as many as an array still takes; to be filled.</summary>
    public Span<T> Room(int wanted)
    {
        int at = Count % Capacity;
        if (at == 0)
        {
            _chunks.Add(pool.Rent());
        }

        int length = Math.Min(wanted, Capacity - at);
        Count += length;
        return Items(_chunks.Count - 1).Slice(at, length);
    }

    /// <summary>The items of an array.</summary>
    public ReadOnlySpan<T> Part(int part) => Items(part)[..Math.Min(Capacity, Count - (part * Capacity))];

    /// <summary>Copies items from any place on.</summary>
    public void CopyTo(int start, Span<T> into)
    {
        while (!into.IsEmpty)
        {
            ReadOnlySpan<T> from = Part(start / Capacity)[(start % Capacity)..];
            int length = Math.Min(from.Length, into.Length);
            from[..length].CopyTo(into);
            into = into[length..];
            start += length;
        }
    }

    /// <summary>Adds all of another's after all of this.</summary>
    public void Append(ChunkList<T> other)
    {
        for (int part = 0; part < other.Parts; part++)
        {
            Add(other.Part(part));
        }
    }

    /// <summary>Gives the arrays back; the list is empty.</summary>
    public void Release()
    {
        foreach (ulong[] chunk in _chunks)
        {
            pool.Return(chunk);
        }

        _chunks.Clear();
        Count = 0;
    }

    private Span<T> Items(int part) => MemoryMarshal.Cast<ulong, T>(_chunks[part].AsSpan())[..Capacity];
}
