using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>Blocks that follow one another, and how many of their keys lie where. Of a sample only how many elements they have is told, for there is room between them.</summary>
internal readonly record struct GatheredBlock(long Start, int Length, KeyCounts Counts)
{
    public long End => Start + Length;

    public GatheredBlock With(GatheredBlock next) => new(Start, Length + next.Length, Counts.With(next.Counts));
}

/// <summary>
/// What one pass finds for one cut: how many keys lie above its bounds, those strictly within, and how many are where. Where there are too many within they are counted instead, by the part of
/// the bounds that they lie in, which gives the next pass closer bounds.
/// </summary>
/// <param name="rows">How many rows there are beside the keys.</param>
/// <param name="bounds">The bounds.</param>
/// <param name="most">The most that may be gathered.</param>
/// <param name="together">The most elements of blocks that are listed as one.</param>
/// <param name="pool">Lends the arrays.</param>
internal sealed class GatheredKeys(int rows, KeyBounds bounds, int most, long together, ChunkPool pool)
{
    private readonly ChunkList<GatheredBlock> _blocks = new(pool);

    /// <summary>The keys strictly within, block after block, as the numbers that they are the bits of, and the numbers in the rows beside them.</summary>
    private readonly NumberList _within = new(pool);

    private readonly NumberList[] _beside = [.. Enumerable.Range(0, rows).Select(_ => new NumberList(pool))];

    /// <summary>The energies of the rows beside the keys: above the bounds, and for each block upon the upper and upon the lower.</summary>
    private readonly double[] _energiesAbove = new double[rows];

    private readonly ChunkList<double> _energiesUpon = new(pool);

    /// <summary>Room for those of a block.</summary>
    private readonly KeyEnergies[] _energies = new KeyEnergies[rows];

    /// <summary>Made when the first rank is asked for, after all has been added.</summary>
    private KeyIndex? _index;

    private long _elements, _above, _atHigh, _atLow;

    /// <summary>How many keys each part of the bounds has; null as long as they are gathered.</summary>
    private ulong[]? _parts;

    /// <summary>Keys that are zero.</summary>
    public long Zeros { get; private set; }

    public KeyBounds Bounds => bounds;

    /// <summary>How many rows there are beside the keys.</summary>
    public int Rows => rows;

    /// <summary>Counts a block's keys, and gathers those strictly within.</summary>
    /// <param name="start">The block's first index.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="beside">The rows beside them, one after another.</param>
    public void Add(long start, ReadOnlySpan<ulong> keys, ReadOnlySpan<double> beside)
    {
        using Rented<int> rented = new(keys.Length);
        KeyCounts counts = KeyKernel.Within(keys, bounds.Low, bounds.High, rented.Span);
        for (int row = 0; row < rows; row++)
        {
            _energies[row] = SumKernel.Squares(beside.Slice(row * keys.Length, keys.Length), keys, bounds.Low, bounds.High);
        }

        Count(start, keys.Length, counts, _energies);
        ReadOnlySpan<int> places = rented.Span[..counts.Within];
        using Rented<ulong> found = new(places.Length);
        using Rented<double> own = new(rows * places.Length);
        for (int i = 0; i < places.Length; i++)
        {
            found.Span[i] = keys[places[i]];
            for (int row = 0; row < rows; row++)
            {
                own.Span[(row * places.Length) + i] = beside[(row * keys.Length) + places[i]];
            }
        }

        Gather(found.Span, own.Span);
    }

    /// <summary>Takes note of what was counted in a block.</summary>
    /// <param name="start">The block's first index.</param>
    /// <param name="length">The length of the block.</param>
    /// <param name="counts">How many keys lie where.</param>
    /// <param name="energies">One for each row.</param>
    public void Count(long start, int length, KeyCounts counts, ReadOnlySpan<KeyEnergies> energies)
    {
        _elements += length;
        _above += counts.Above;
        _atHigh += counts.AtHigh;
        _atLow += counts.AtLow;
        Zeros += counts.Zeros;
        GatheredBlock block = new(start, length, counts);
        int last = _blocks.Count - 1;
        bool more = last >= 0 && (long)_blocks[last].Length + length <= together;
        if (more)
        {
            _blocks[last] = _blocks[last].With(block);
        }
        else
        {
            _blocks.Add(block);
        }

        for (int row = 0; row < rows; row++)
        {
            _energiesAbove[row] += energies[row].Above;
            if (more)
            {
                int at = _energiesUpon.Count - (2 * (rows - row));
                _energiesUpon[at] += energies[row].AtHigh;
                _energiesUpon[at + 1] += energies[row].AtLow;
            }
            else
            {
                _energiesUpon.Add([energies[row].AtHigh, energies[row].AtLow]);
            }
        }
    }

    /// <summary>Gathers keys strictly within.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="beside">The rows beside them, one after another.</param>
    public void Gather(ReadOnlySpan<ulong> keys, ReadOnlySpan<double> beside)
    {
        MakeRoom(keys.Length);
        if (_parts is not null)
        {
            Parts.Add(keys);
            return;
        }

        _within.Add(MemoryMarshal.Cast<ulong, double>(keys));
        for (int row = 0; row < rows; row++)
        {
            _beside[row].Add(beside.Slice(row * keys.Length, keys.Length));
        }
    }

    /// <summary>Gathers keys strictly within that are singles, where there are no rows.</summary>
    public void Gather(ReadOnlySpan<float> keys)
    {
        MakeRoom(keys.Length);
        if (_parts is null)
        {
            _within.Add(keys);
            return;
        }

        Span<ulong> wide = stackalloc ulong[NumberList.Together];
        for (int at = 0; at < keys.Length; at += NumberList.Together)
        {
            Span<ulong> piece = wide[..Math.Min(NumberList.Together, keys.Length - at)];
            NumberList.Widen(keys.Slice(at, piece.Length), MemoryMarshal.Cast<ulong, double>(piece));
            Parts.Add(piece);
        }
    }

    /// <summary>Adds all that was found in later blocks.</summary>
    public void Append(GatheredKeys later)
    {
        _elements += later._elements;
        _above += later._above;
        _atHigh += later._atHigh;
        _atLow += later._atLow;
        Zeros += later.Zeros;
        _blocks.Append(later._blocks);
        _energiesUpon.Append(later._energiesUpon);
        for (int row = 0; row < rows; row++)
        {
            _energiesAbove[row] += later._energiesAbove[row];
        }

        if (later._parts is null)
        {
            MakeRoom(later._within.Count);
        }
        else
        {
            CountFromHere();
        }

        if (_parts is null)
        {
            _within.Append(later._within);
            for (int row = 0; row < rows; row++)
            {
                _beside[row].Append(later._beside[row]);
            }
        }
        else if (later._parts is null)
        {
            Parts.Add(later._within);
        }
        else
        {
            TensorPrimitives.Add<ulong>(_parts, later._parts, _parts);
        }
    }

    /// <summary>The key of a rank, from 1, and the how manyth of those equal to it; null where it lies outside the bounds, or where there was too much within: see <see cref="Closer"/>.</summary>
    public (ulong Key, long Tie)? Find(long rank)
    {
        long left = rank - _above;
        if (left <= 0 || _parts is not null)
        {
            return null;
        }

        if (left <= _atHigh)
        {
            return (bounds.High, left);
        }

        left -= _atHigh;
        if (left <= _within.Count)
        {
            _index ??= new KeyIndex(_within, bounds.Low, pool);
            (ulong key, int above) = _index.Find((int)left - 1);
            return (key, left - above);
        }

        left -= _within.Count;
        return left <= _atLow ? (bounds.Low, left) : null;
    }

    /// <summary>
    /// Narrower bounds for a cut of the whole tensor, where this was found in a sample of it. How far a rank in the sample may be off is told by how much its blocks differ: neighbours are alike,
    /// in some tensors more than in others.
    /// </summary>
    /// <param name="asked">The cut.</param>
    /// <param name="elements">How many elements the tensor has.</param>
    /// <param name="deviations">Half the width in standard deviations.</param>
    /// <param name="least">The least of it, for cuts near an end.</param>
    /// <returns>The bounds, and the share of the elements that lies between them.</returns>
    public (KeyBounds Bounds, double Share) Narrow(RankRequest asked, long elements, double deviations, double least)
    {
        double wanted = asked.Share is { } share ? share * (_elements - Zeros) : asked.Rank / (double)elements * _elements;
        if (Find(Math.Min((long)wanted + 1, _elements)) is not { } middle)
        {
            return (bounds, 1);
        }

        Spread above = default, upon = default;
        int at = 0;
        for (int part = 0; part < _blocks.Parts; part++)
        {
            foreach (GatheredBlock block in _blocks.Part(part))
            {
                double expected = asked.Share is { } own ? own * (block.Length - block.Counts.Zeros) : 0;
                (int larger, int equal) = OfKey(middle.Key, block.Counts, at);
                above.Add(larger - expected);
                upon.Add(larger + equal - expected);
                at += block.Counts.Within;
            }
        }

        double margin = (deviations * Math.Max(above.OfSum, upon.OfSum)) + least, first = wanted - margin, last = wanted + margin;
        ulong low = last < _elements && Find((long)last + 1) is { } lower ? lower.Key : bounds.Low;
        return (new KeyBounds(low, first >= 0 && Find((long)first + 1) is { } upper ? upper.Key : bounds.High), 2 * margin / _elements);
    }

    /// <summary>Closer bounds, which are certain, around a rank that was not found.</summary>
    public KeyBounds Closer(long rank)
    {
        long left = rank - _above;
        if (left <= 0)
        {
            return new KeyBounds(bounds.High, KeyBounds.None.High);
        }

        left -= _atHigh;
        if (left <= 0)
        {
            return new KeyBounds(bounds.High, bounds.High);
        }

        left--;
        return _parts is not null && Parts.Find(ref left) is { } part ? new KeyBounds(part.Low, part.Low + part.Width) : new KeyBounds(KeyBounds.None.Low, bounds.Low);
    }

    /// <summary>The block that one of those equal to a key lies in, and the how manyth it is there.</summary>
    public (GatheredBlock Block, int Tie) Locate(ulong key, long tie)
    {
        int at = 0;
        for (int part = 0; part < _blocks.Parts; part++)
        {
            foreach (GatheredBlock block in _blocks.Part(part))
            {
                int count = OfKey(key, block.Counts, at).Equal;
                if (tie <= count)
                {
                    return (block, (int)tie);
                }

                tie -= count;
                at += block.Counts.Within;
            }
        }

        throw new InvalidOperationException("The counts of equal keys do not add up.");
    }

    /// <summary>The energies of what is within a cut that lies within the bounds. Of the one block that it parts, those of keys equal to the cut's are asked for.</summary>
    public double[] Energies(Cut cut, Func<GatheredBlock, double[]> ofEqual)
    {
        double[] sums = [.. _energiesAbove];
        Span<double> keys = stackalloc double[NumberList.Together], beside = stackalloc double[NumberList.Together];
        int at = 0, upon = 0;
        for (int part = 0; part < _blocks.Parts; part++)
        {
            foreach (GatheredBlock block in _blocks.Part(part))
            {
                long last = block.End - 1;
                for (int row = 0; row < rows; row++, upon += 2)
                {
                    sums[row] += cut.Includes(bounds.High, last) ? _energiesUpon[upon] : 0;
                    sums[row] += cut.Includes(bounds.Low, last) ? _energiesUpon[upon + 1] : 0;
                }

                for (int left = block.Counts.Within; left > 0; left -= NumberList.Together)
                {
                    int count = Math.Min(left, NumberList.Together);
                    _within.CopyTo(at, keys[..count]);
                    for (int row = 0; row < rows; row++)
                    {
                        _beside[row].CopyTo(at, beside[..count]);
                        for (int i = 0; i < count; i++)
                        {
                            sums[row] += cut.Includes(Cut.KeyOf(keys[i]), last) ? beside[i] * beside[i] : 0;
                        }
                    }

                    at += count;
                }

                if (block.Start <= cut.Index && cut.Index < last)
                {
                    TensorPrimitives.Add(sums, ofEqual(block), sums);
                }
            }
        }

        return sums;
    }

    /// <summary>Gives the arrays back, and is as if nothing had been found.</summary>
    public void Clear()
    {
        (_elements, _above, _atHigh, _atLow, Zeros) = (0, 0, 0, 0, 0);
        _energiesAbove.AsSpan().Clear();
        _blocks.Release();
        _energiesUpon.Release();
        ReleaseKeys();
        _index?.Release();
        _index = null;
        if (_parts is not null)
        {
            pool.Return(_parts);
            _parts = null;
        }
    }

    /// <summary>The parts of the bounds, where keys are counted.</summary>
    private KeyParts Parts => new(_parts, bounds.Low, bounds.High - bounds.Low);

    /// <summary>Where so many more would be too many, all are counted from here on.</summary>
    private void MakeRoom(int more)
    {
        if (_within.Count + more > most)
        {
            CountFromHere();
        }
    }

    private void CountFromHere()
    {
        if (_parts is null)
        {
            _parts = pool.Rent();
            _parts.AsSpan().Clear();
            Parts.Add(_within);
            ReleaseKeys();
        }
    }

    private void ReleaseKeys()
    {
        _within.Release();
        foreach (NumberList numbers in _beside)
        {
            numbers.Release();
        }
    }

    /// <summary>How many keys of a block are larger than one that lies within the bounds, and equal to it.</summary>
    /// <param name="key">The key.</param>
    /// <param name="counts">What was counted of the block.</param>
    /// <param name="at">Where in the list those within are.</param>
    private (int Larger, int Equal) OfKey(ulong key, KeyCounts counts, int at)
    {
        if (key == bounds.High)
        {
            return (counts.Above, counts.AtHigh);
        }

        int larger = counts.Above + counts.AtHigh, equal = 0;
        if (key == bounds.Low)
        {
            return (larger + counts.Within, counts.AtLow);
        }

        Span<ulong> keys = stackalloc ulong[NumberList.Together];
        for (int end = at + counts.Within; at < end; at += NumberList.Together)
        {
            Span<ulong> piece = keys[..Math.Min(NumberList.Together, end - at)];
            _within.CopyTo(at, MemoryMarshal.Cast<ulong, double>(piece));
            foreach (ulong other in piece)
            {
                larger += other > key ? 1 : 0;
                equal += other == key ? 1 : 0;
            }
        }

        return (larger, equal);
    }

    /// <summary>The standard deviation of a sum, from what is added up.</summary>
    private struct Spread
    {
        private double _sum, _squares;
        private int _count;

        public readonly double OfSum => Math.Sqrt(Math.Max(_squares - (_sum * _sum / _count), 0));

        public void Add(double value)
        {
            _sum += value;
            _squares += value * value;
            _count++;
        }
    }
}
