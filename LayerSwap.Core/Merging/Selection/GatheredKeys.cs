using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>A block with keys upon the bounds or within: where it starts, and how many.</summary>
internal readonly record struct GatheredBlock(long Start, int Length, int AtHigh, int AtLow, int Within)
{
    public long Last => Start + Length - 1;
}

/// <summary>What one pass finds for one cut: how many keys lie above its bounds, those strictly within, and how many are where.</summary>
/// <param name="rows">How many rows there are beside the keys.</param>
/// <param name="pool">Lends the arrays.</param>
internal sealed class GatheredKeys(int rows, ChunkPool pool)
{
    private readonly ChunkList<GatheredBlock> _blocks = new(pool);

    /// <summary>The keys strictly within, block after block, as the numbers that they are the bits of, and the numbers in the rows beside them.</summary>
    private readonly NumberList _within = new(pool);

    private readonly NumberList[] _beside = [.. Enumerable.Range(0, rows).Select(_ => new NumberList(pool))];

    /// <summary>The energies of the rows beside the keys: above the bounds, and for each block upon the upper and upon the lower.</summary>
    private readonly double[] _energiesAbove = new double[rows];

    private readonly ChunkList<double> _energiesUpon = new(pool);

    private long _above, _atHigh, _atLow;

    /// <summary>Whether there were more within than may be gathered.</summary>
    private bool _tooMany;

    /// <summary>Keys that are zero.</summary>
    public long Zeros { get; private set; }

    /// <param name="start">The block's first index.</param>
    /// <param name="length">The length of the block.</param>
    /// <param name="keys">The block's keys; not looked at where there are no rows.</param>
    /// <param name="beside">The rows beside them, one after another.</param>
    /// <param name="counts">What was counted.</param>
    /// <param name="bounds">The bounds.</param>
    public void Count(long start, int length, ReadOnlySpan<ulong> keys, ReadOnlySpan<double> beside, KeyCounts counts, KeyBounds bounds)
    {
        _above += counts.Above;
        _atHigh += counts.AtHigh;
        _atLow += counts.AtLow;
        Zeros += counts.Zeros;
        bool listed = counts.AtHigh + counts.AtLow + counts.Within > 0;
        if (listed)
        {
            _blocks.Add(new GatheredBlock(start, length, counts.AtHigh, counts.AtLow, counts.Within));
        }

        for (int row = 0; row < rows; row++)
        {
            KeyEnergies energies = SumKernel.Squares(beside.Slice(row * length, length), keys, bounds.Low, bounds.High);
            _energiesAbove[row] += energies.Above;
            if (listed)
            {
                _energiesUpon.Add([energies.AtHigh, energies.AtLow]);
            }
        }
    }

    /// <param name="keys">Those strictly within.</param>
    /// <param name="places">Where in the block they are.</param>
    /// <param name="beside">The rows of the block.</param>
    /// <param name="most">The most that may be gathered.</param>
    public void Gather(ReadOnlySpan<ulong> keys, ReadOnlySpan<int> places, ReadOnlySpan<double> beside, int most)
    {
        if (_tooMany || _within.Count + keys.Length > most)
        {
            GiveUp();
            return;
        }

        _within.Add(MemoryMarshal.Cast<ulong, double>(keys));
        Span<double> found = stackalloc double[NumberList.Together];
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<double> own = beside.Slice(row * (beside.Length / rows), beside.Length / rows);
            for (int done = 0; done < places.Length; done += NumberList.Together)
            {
                int count = Math.Min(NumberList.Together, places.Length - done);
                for (int i = 0; i < count; i++)
                {
                    found[i] = own[places[done + i]];
                }

                _beside[row].Add(found[..count]);
            }
        }
    }

    /// <summary>Adds all that was found in later blocks.</summary>
    public void Append(GatheredKeys later, int most)
    {
        _above += later._above;
        _atHigh += later._atHigh;
        _atLow += later._atLow;
        Zeros += later.Zeros;
        _blocks.Append(later._blocks);
        _energiesUpon.Append(later._energiesUpon);
        TensorPrimitives.Add(_energiesAbove, later._energiesAbove, _energiesAbove);
        if (_tooMany || later._tooMany || _within.Count + later._within.Count > most)
        {
            GiveUp();
        }
        else
        {
            _within.Append(later._within);
            for (int row = 0; row < rows; row++)
            {
                _beside[row].Append(later._beside[row]);
            }
        }
    }

    /// <summary>The key of a rank, from 1, and the how manyth of those equal to it; null where it lies outside the bounds, or too much within.</summary>
    public (ulong Key, long Tie)? Find(long rank, KeyBounds bounds)
    {
        long left = rank - _above;
        if (left <= 0 || _tooMany)
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
            (ulong key, int above) = KeySearch.Find(_within, (int)left - 1, bounds);
            return (key, left - above);
        }

        left -= _within.Count;
        return left <= _atLow ? (bounds.Low, left) : null;
    }

    /// <summary>The block that one of those equal to a key lies in, and the how manyth it is there.</summary>
    public (GatheredBlock Block, int Tie) Locate(ulong key, long tie, KeyBounds bounds)
    {
        int at = 0;
        for (int part = 0; part < _blocks.Parts; part++)
        {
            foreach (GatheredBlock block in _blocks.Part(part))
            {
                int count = key == bounds.High ? block.AtHigh : key == bounds.Low ? block.AtLow : CountWithin(at, block.Within, key);
                if (tie <= count)
                {
                    return (block, (int)tie);
                }

                tie -= count;
                at += block.Within;
            }
        }

        throw new InvalidOperationException("The counts of equal keys do not add up.");
    }

    /// <summary>The energies of what is within a cut that lies within the bounds. Of the one block that it parts, those of keys equal to the cut's are asked for.</summary>
    public double[] Energies(Cut cut, KeyBounds bounds, Func<GatheredBlock, double[]> ofEqual)
    {
        double[] sums = [.. _energiesAbove];
        Span<double> keys = stackalloc double[NumberList.Together], beside = stackalloc double[NumberList.Together], upon = stackalloc double[2];
        int at = 0, uponAt = 0;
        for (int part = 0; part < _blocks.Parts; part++)
        {
            foreach (GatheredBlock block in _blocks.Part(part))
            {
                bool before = block.Last <= cut.Index;
                for (int row = 0; row < rows; row++, uponAt += 2)
                {
                    _energiesUpon.CopyTo(uponAt, upon);
                    sums[row] += IsWithin(bounds.High) ? upon[0] : 0;
                    sums[row] += IsWithin(bounds.Low) ? upon[1] : 0;
                }

                for (int left = block.Within; left > 0; left -= NumberList.Together)
                {
                    int count = Math.Min(left, NumberList.Together);
                    _within.CopyTo(at, keys[..count]);
                    for (int row = 0; row < rows; row++)
                    {
                        _beside[row].CopyTo(at, beside[..count]);
                        for (int i = 0; i < count; i++)
                        {
                            sums[row] += IsWithin(Cut.KeyOf(keys[i])) ? beside[i] * beside[i] : 0;
                        }
                    }

                    at += count;
                }

                if (!before && block.Start <= cut.Index)
                {
                    TensorPrimitives.Add(sums, ofEqual(block), sums);
                }

                bool IsWithin(ulong key) => key > cut.Key || (key == cut.Key && before);
            }
        }

        return sums;
    }

    /// <summary>Gives the arrays back: nothing was found.</summary>
    public void Clear()
    {
        GiveUp();
        _tooMany = false;
        (_above, _atHigh, _atLow, Zeros) = (0, 0, 0, 0);
        _energiesAbove.AsSpan().Clear();
        _blocks.Release();
        _energiesUpon.Release();
    }

    /// <summary>How many of the keys from a place on are one.</summary>
    private int CountWithin(int at, int length, ulong key)
    {
        Span<ulong> keys = stackalloc ulong[NumberList.Together];
        int count = 0;
        for (int end = at + length; at < end; at += NumberList.Together)
        {
            Span<ulong> piece = keys[..Math.Min(NumberList.Together, end - at)];
            _within.CopyTo(at, MemoryMarshal.Cast<ulong, double>(piece));
            count += piece.Count(key);
        }

        return count;
    }

    private void GiveUp()
    {
        _tooMany = true;
        _within.Release();
        foreach (NumberList numbers in _beside)
        {
            numbers.Release();
        }
    }
}
