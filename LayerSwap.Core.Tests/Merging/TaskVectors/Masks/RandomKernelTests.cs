using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Tests.Merging;

/// <summary>Numbers of many indices against those of one.</summary>
[Trait("Category", "Kernel")]
public sealed class RandomKernelTests
{
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

        const ulong Stream = 77, Golden = 0x9E3779B97F4A7C15;
        for (ulong i = 0; i < 100; i++)
        {
            byte first = BitConverter.GetBytes(SplitMix64(Stream + (i / 8 * Golden)))[i % 8];
            ulong others = SplitMix64((Stream ^ 0xD1B54A32D192ED03) + (i * Golden)) >> 40;
            Assert.Equal((first * 0x1000000UL) + others, RandomKernel.Number(Stream, (long)i));
        }
    }

    [Fact]
    public void First_bytes_are_those_of_numbers()
    {
        foreach (long start in (long[])[0, 8, 1_000_000_000_000])
        {
            byte[] bytes = new byte[256];
            RandomKernel.FirstBytes(77, start, bytes);
            Assert.Equal(Enumerable.Range(0, bytes.Length).Select(i => (byte)(RandomKernel.Number(77, start + i) >> 24)), bytes);
        }
    }

    [Fact]
    public void What_lies_below_a_bound_is_told_from_any_index_on()
    {
        for (int length = 1; length < 300; length++)
        {
            long start = _random.NextInt64(1L << 40);
            double density = _random.NextDouble();
            ulong[] bits = new ulong[BitMask.Words(length)];
            new DareSparsifier([density], [77]).ComputeMask(new OperandBlock<float>(start, new float[length], new float[length], new float[length]), 0, bits);
            Assert.Equal(Enumerable.Range(0, length).Select(i => CounterRandom.Uniform(77, start + i) < density), Enumerable.Range(0, length).Select(i => BitMask.IsSet(bits, i)));
        }
    }

    [Fact]
    public void All_bits_of_a_bound_count()
    {
        // A bound that is one of the numbers, and the next: they differ in the last bit alone.
        for (int i = 0; i < 64; i++)
        {
            uint number = RandomKernel.Number(77, i);
            ulong[] bits = [0], more = [0];
            RandomKernel.Below(77, 0, number, bits);
            RandomKernel.Below(77, 0, number + 1, more);
            Assert.Equal(1UL << i, bits[0] ^ more[0]);
        }
    }

    [Fact]
    public void Bytes_and_bits_of_numbers_are_even()
    {
        const int Count = 1 << 18;
        uint[] numbers = [.. Enumerable.Range(0, Count).Select(i => RandomKernel.Number(3, i))];
        for (int bit = 0; bit < 32; bit++)
        {
            // Half of them, within five deviations; and no bit goes with the one beside it or with that of the next index.
            Assert.InRange(numbers.Count(n => (n >> bit & 1) != 0), (Count / 2) - 1280, (Count / 2) + 1280);
            Assert.InRange(numbers.Count(n => ((n >> bit ^ n >> ((bit + 1) % 32)) & 1) != 0), (Count / 2) - 1280, (Count / 2) + 1280);
            Assert.InRange(numbers.Zip(numbers.Skip(1), (a, b) => (a ^ b) >> bit & 1).Count(b => b != 0), (Count / 2) - 1280, (Count / 2) + 1280);
        }
    }
}
