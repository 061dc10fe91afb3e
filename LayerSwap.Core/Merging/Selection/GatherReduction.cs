using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Merging;

/// <summary>What one pass finds for one cut: how many keys lie above its bounds, those strictly within, and where the keys upon the bounds are.</summary>
/// <param name="rows">How many rows there are beside the keys.</param>
internal sealed class GatheredKeys(int rows)
{
    public long Above { get; set; }

    public long AtHigh { get; set; }

    public long AtLow { get; set; }

    /// <summary>Keys that are zero.</summary>
    public long Zeros { get; set; }

    /// <summary>Whether there were more within than may be gathered.</summary>
    public bool TooMany { get; set; }

    public GatheredCuts Within { get; } = new(rows);

    /// <summary>For each block with keys upon a bound: where it starts, and how many.</summary>
    public List<(long Start, int Length, int AtHigh, int AtLow)> Blocks { get; } = [];

    /// <summary>The energies of the rows beside the keys: above the bounds, and for each of <see cref="Blocks"/> upon the upper and upon the lower.</summary>
    public double[] EnergiesAbove { get; } = new double[rows];

    public List<double> EnergiesAtBounds { get; } = [];

    /// <param name="start">The block's first index.</param>
    /// <param name="keys">The block's keys; not looked at where there are no rows.</param>
    /// <param name="beside">The rows beside them, one after another.</param>
    /// <param name="length">The length of the block.</param>
    /// <param name="counts">What was counted.</param>
    /// <param name="bounds">The bounds.</param>
    public void Count(long start, int length, ReadOnlySpan<ulong> keys, ReadOnlySpan<double> beside, KeyCounts counts, KeyBounds bounds)
    {
        bool upon = counts.AtHigh + counts.AtLow > 0;
        for (int row = 0; row < rows; row++)
        {
            KeyEnergies energies = SumKernel.Squares(beside.Slice(row * length, length), keys, bounds.Low, bounds.High);
            EnergiesAbove[row] += energies.Above;
            if (upon)
            {
                EnergiesAtBounds.Add(energies.AtHigh);
                EnergiesAtBounds.Add(energies.AtLow);
            }
        }

        Above += counts.Above;
        AtHigh += counts.AtHigh;
        AtLow += counts.AtLow;
        Zeros += counts.Zeros;
        if (upon)
        {
            Blocks.Add((start, length, counts.AtHigh, counts.AtLow));
        }
    }

    /// <param name="keys">Those strictly within.</param>
    /// <param name="places">Where in the block they are.</param>
    /// <param name="start">The block's first index.</param>
    /// <param name="beside">The rows of the block.</param>
    /// <param name="most">The most that may be gathered.</param>
    public void Gather(ReadOnlySpan<ulong> keys, ReadOnlySpan<int> places, long start, ReadOnlySpan<double> beside, int most)
    {
        TooMany |= Within.Count + places.Length > most;
        if (TooMany)
        {
            Within.Release();
        }
        else
        {
            Within.Add(keys, places, start, beside);
        }
    }

    public IEnumerable<(long Start, int Length, int Count)> Ties(bool high) => Blocks.Select(b => (b.Start, b.Length, high ? b.AtHigh : b.AtLow));

    /// <summary>The energies of what is within a cut that lies within the bounds. Of the one block that it parts keys upon a bound in, they are asked for.</summary>
    public double[] Energies(Cut cut, KeyBounds bounds, Func<(long Start, int Length), double[]> ofEqual)
    {
        double[] sums = [.. EnergiesAbove];
        Within.AddEnergies(cut, sums);
        for (int block = 0; block < Blocks.Count; block++)
        {
            (long start, int length, _, _) = Blocks[block];
            for (int bound = 0; bound < 2; bound++)
            {
                ulong key = bound == 0 ? bounds.High : bounds.Low;
                if (cut.Includes(key, start + length - 1))
                {
                    for (int row = 0; row < rows; row++)
                    {
                        sums[row] += EnergiesAtBounds[(((block * rows) + row) * 2) + bound];
                    }
                }
                else if (cut.Includes(key, start) && (bound == 0 || bounds.Low < bounds.High))
                {
                    TensorPrimitives.Add(sums, ofEqual((start, length)), sums);
                }
            }
        }

        return sums;
    }

    /// <summary>The cut among what was gathered, or which of the keys upon a bound it is; null where it lies outside the bounds.</summary>
    public (Cut? Among, ulong Key, long Tie)? Find(long rank, KeyBounds bounds)
    {
        long left = rank - Above;
        if (left <= 0 || TooMany)
        {
            return null;
        }

        if (left <= AtHigh)
        {
            return (null, bounds.High, left);
        }

        left -= AtHigh;
        if (left <= Within.Count)
        {
            return (Within.Select((int)left - 1, bounds), 0, 0);
        }

        left -= Within.Count;
        return left <= AtLow ? (null, bounds.Low, left) : null;
    }
}

/// <summary>The pass over a tensor that counts and gathers, for several cuts at once.</summary>
internal sealed class GatherReduction(IRankedKeys keys, RankRequest[] asked, KeyBounds[] bounds, int most) : TensorReduction<GatheredKeys[]>
{
    public override GatheredKeys[] Create() => [.. asked.Select(_ => new GatheredKeys(keys.Rows))];

    public override void Observe<T>(MergeBlock<T> block, GatheredKeys[] state)
    {
        using Rented<ulong> rentedKeys = new(block.Length), rentedFound = new(block.Length);
        using Rented<double> rentedRows = new(keys.Rows * block.Length);
        using Rented<int> rentedPlaces = new(block.Length + Places.Room);
        Span<ulong> found = rentedFound.Span;
        Span<int> places = rentedPlaces.Span;
        int computed = -1;
        for (int i = 0; i < asked.Length; i++)
        {
            KeyBounds own = bounds[i];
            int ranking = asked[i].Ranking;
            KeyCounts? quick = keys.Rows > 0 ? null : keys.Within(block, ranking, own, places, found);
            if (quick is not { } counts)
            {
                // Several cuts of one ranking share its keys.
                if (computed != ranking)
                {
                    keys.Keys(block, ranking, rentedKeys.Span, rentedRows.Span);
                    computed = ranking;
                }

                counts = KeyKernel.Within(rentedKeys.Span, own.Low, own.High, places);
                for (int j = 0; j < counts.Within; j++)
                {
                    found[j] = rentedKeys.Span[places[j]];
                }
            }

            state[i].Count(block.Start, block.Length, rentedKeys.Span, rentedRows.Span, counts, own);
            state[i].Gather(found[..counts.Within], places[..counts.Within], block.Start, rentedRows.Span, most);
        }
    }

    public override void Combine(GatheredKeys[] into, GatheredKeys[] from)
    {
        for (int i = 0; i < into.Length; i++)
        {
            into[i].Above += from[i].Above;
            into[i].AtHigh += from[i].AtHigh;
            into[i].AtLow += from[i].AtLow;
            into[i].Zeros += from[i].Zeros;
            into[i].Blocks.AddRange(from[i].Blocks);
            into[i].EnergiesAtBounds.AddRange(CollectionsMarshal.AsSpan(from[i].EnergiesAtBounds));
            TensorPrimitives.Add(into[i].EnergiesAbove, from[i].EnergiesAbove, into[i].EnergiesAbove);
            into[i].Within.Join(from[i].Within);
            into[i].TooMany |= from[i].TooMany || into[i].Within.Count > most;
            if (into[i].TooMany)
            {
                into[i].Within.Release();
            }
        }
    }
}
