using LayerSwap.Merging;

namespace LayerSwap.Tests.Merging;

[Trait("Category", "Kernel")]
public sealed class RandomKernelTests
{
    private const ulong Stream = 77;

    private readonly Random _random = new(14);

    [Fact]
    public void A_number_is_a_byte_of_one_stream_and_three_of_another()
    {
        static ulong SplitMix64(ulong state)
        {
            state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
            state = (state ^ (state >> 27)) * 0x94D049BB133111EB;
            return state ^ (state >> 31);
        }

        const ulong golden = 0x9E3779B97F4A7C15;
        for (ulong i = 0; i < 100; i++)
        {
            byte first = BitConverter.GetBytes(SplitMix64(Stream + (i / 8 * golden)))[i % 8];
            ulong others = SplitMix64((Stream ^ 0xD1B54A32D192ED03) + (i * golden)) >> 40;
            Assert.Equal((first * 0x1000000UL) + others, RandomKernel.ComputeNumber(Stream, (long)i));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(1_000_000_000_000)]
    public void First_bytes_are_those_of_the_numbers(long start)
    {
        byte[] bytes = new byte[256];
        RandomKernel.ComputeFirstBytes(Stream, start, bytes);
        Assert.Equal(Enumerable.Range(0, bytes.Length).Select(i => (byte)(RandomKernel.ComputeNumber(Stream, start + i) >> 24)), bytes);
    }

    [Fact]
    public void Elements_are_masked_whose_number_is_below_the_density_from_any_index_on()
    {
        for (int length = 1; length < 300; length++)
        {
            long start = _random.NextInt64(1L << 40);
            double density = _random.NextDouble();
            ulong[] mask = new ulong[BitMask.WordCount(length)];
            new DareSparsifier([density], [Stream])
                .ComputeMask(new KernelBlock<float>(start, new double[length], new double[length]).Block, 0, mask);
            bool[] expected = [.. Enumerable.Range(0, length).Select(i => CounterRandom.ComputeUniform(Stream, start + i) < density)];
            Assert.True(expected.SequenceEqual(Enumerable.Range(0, length).Select(i => BitMask.IsSet(mask, i))),
                $"{length} elements from {start}");
        }
    }

    [Fact]
    public void Every_bit_of_a_bound_counts()
    {
        // A bound that is one of the numbers, and the next bound: their masks differ in that number alone.
        for (int i = 0; i < 64; i++)
        {
            uint number = RandomKernel.ComputeNumber(Stream, i);
            ulong[] mask = [0], next = [0];
            RandomKernel.MaskBelow(Stream, 0, number, mask);
            RandomKernel.MaskBelow(Stream, 0, number + 1, next);
            Assert.Equal(1UL << i, mask[0] ^ next[0]);
        }
    }

    [Fact]
    public void Bits_are_set_in_half_of_the_numbers_independently_of_each_other()
    {
        const int count = 1 << 18, margin = 1280;
        uint[] numbers = [.. Enumerable.Range(0, count).Select(i => RandomKernel.ComputeNumber(3, i))];
        for (int bit = 0; bit < 32; bit++)
        {
            int set = 0, unlikeNextBit = 0, unlikeNextNumber = 0;
            for (int i = 0; i < count; i++)
            {
                uint own = numbers[i] >> bit & 1;
                set += (int)own;
                unlikeNextBit += (int)(own ^ (numbers[i] >> ((bit + 1) % 32) & 1));
                unlikeNextNumber += (int)(own ^ (numbers[(i + 1) % count] >> bit & 1));
            }

            // The margin is five standard deviations.
            Assert.All((int[])[set, unlikeNextBit, unlikeNextNumber],
                found => Assert.InRange(found, (count / 2) - margin, (count / 2) + margin));
        }
    }
}
