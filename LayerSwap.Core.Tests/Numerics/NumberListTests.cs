using LayerSwap.Buffers;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Numerics;

/// <summary>Lists in lent arrays against plain ones, bit by bit.</summary>
public sealed class NumberListTests
{
    private static double[][] Kinds { get; } =
    [
        [0, 1, 0.5, float.Epsilon, float.MaxValue, double.PositiveInfinity],
        [0, 1, Math.PI, double.Epsilon, double.MaxValue, double.PositiveInfinity],
        [.. Enumerable.Range(0, 40).Select(i => i == 30 ? Math.PI : i)],
        [BitConverter.UInt64BitsToDouble(0x7FF0_0000_0000_0001), BitConverter.UInt64BitsToDouble(0x7FF8_0000_2000_0000), BitConverter.UInt64BitsToDouble(0x7FFF_FFFF_FFFF_FFFF), 2],
    ];

    [Fact]
    public void What_is_added_and_appended_comes_out_with_all_its_bits()
    {
        System.Random random = new(1);
        ChunkPool pool = new();
        for (int round = 0; round < 60; round++)
        {
            NumberList total = new(pool);
            List<double> expected = [];
            for (int part = 0; part < 6; part++)
            {
                // Singles alone, doubles alone, and either before the other.
                NumberList own = new(pool);
                for (int i = 0; i < 3; i++)
                {
                    double[] kind = Kinds[random.Next(3) < 2 && round % 2 == 0 ? 0 : random.Next(Kinds.Length)];
                    double[] numbers = [.. Enumerable.Range(0, random.Next(3) == 0 ? 0 : random.Next(5000)).Select(_ => kind[random.Next(kind.Length)])];
                    if (kind == Kinds[0] && random.Next(2) == 0)
                    {
                        own.Add([.. numbers.Select(n => (float)n)]);
                    }
                    else
                    {
                        own.Add(numbers);
                    }

                    expected.AddRange(numbers);
                }

                total.Append(own);
                own.Release();
                Assert.Equal(0, own.Count);
            }

            Assert.Equal(expected.Count, total.Count);
            double[] found = new double[expected.Count];
            for (int at = 0; at < found.Length;)
            {
                int count = Math.Min(random.Next(1, NumberList.Together + 1), found.Length - at);
                total.CopyTo(at, found.AsSpan(at, count));
                at += count;
            }

            Assert.Equal(expected.Select(BitConverter.DoubleToUInt64Bits), found.Select(BitConverter.DoubleToUInt64Bits));
            total.Release();
        }
    }

    [Fact]
    public void Singles_take_half_the_room()
    {
        double[] singles = [1, 0.5, float.MaxValue];
        int arrays = Rented(singles);
        Assert.Equal(2 * arrays, Rented([1, 0.5, double.MaxValue]));
        // A few others take little.
        double[] rare = [.. Enumerable.Range(0, 100).Select(i => i == 50 ? Math.PI : singles[i % 3])];
        Assert.InRange(Rented(rare), arrays + 1, arrays * 1.2);

        static int Rented(double[] kind)
        {
            ChunkPool pool = new();
            HashSet<ulong[]> arrays = [];
            NumberList list = new(pool);
            list.Add([.. Enumerable.Range(0, 16 * ChunkPool.Words).Select(i => kind[i % kind.Length])]);
            list.Release();
            while (arrays.Count < 1000 && pool.Count > 0)
            {
                Assert.True(arrays.Add(pool.Rent()));
            }

            return arrays.Count;
        }
    }

    [Fact]
    public void Parts_of_which_each_has_few_that_are_no_singles_have_many_together()
    {
        ChunkPool pool = new();
        NumberList total = new(pool);
        for (int part = 0; part < 100; part++)
        {
            NumberList own = new(pool);
            own.Add([.. Enumerable.Range(0, 400).Select(i => Math.PI + part + i)]);
            total.Append(own);
            own.Release();
        }

        total.Release();
        // Doubles take 20 arrays, and there may be a few more while they are made; singles and all others beside them would take 50.
        Assert.InRange(pool.Count, 20, 25);
    }

    [Fact]
    public void Items_of_any_size_are_in_order_and_arrays_are_used_again()
    {
        ChunkPool pool = new();
        for (int round = 0; round < 3; round++)
        {
            ChunkList<(long, long, int)> list = new(pool);
            (long, long, int)[] items = [.. Enumerable.Range(0, 5000).Select(i => ((long)i, -(long)i, i * round))];
            list.Add(items.AsSpan(0, 4999));
            list.Add(items[4999]);
            (long, long, int)[] found = new (long, long, int)[5000];
            list.CopyTo(0, found);
            Assert.Equal(items, found);
            Assert.Equal(items, Enumerable.Range(0, list.Parts).SelectMany(p => list.Part(p).ToArray()));
            int arrays = list.Parts;
            list.Release();
            Assert.Equal(arrays, pool.Count);
        }
    }
}
