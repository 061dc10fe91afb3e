using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>Spoils inputs: a few changes each, of bytes, slices, words and numbers. The same number gives the same input for ever.</summary>
internal sealed class Mutator(IReadOnlyList<byte[]> corpus)
{
    /// <summary>No input grows past this: what is looked for are faults of grammar, and many inputs a second.</summary>
    private const int Longest = 16 * 1024;

    private static readonly byte[][] Words = [.. FuzzWords.All.Select(Encoding.UTF8.GetBytes)];
    private static readonly ulong[] Numbers =
        [0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 255, 256, 65535, 65536, 99_999_992, 100_000_000, 100_000_001, int.MaxValue, 1UL << 31, uint.MaxValue, 1UL << 32, 1UL << 53, (1UL << 60) - 1, 1UL << 61, long.MaxValue, 1UL << 63, ulong.MaxValue - 7, ulong.MaxValue];

    /// <summary>The input of one number. Every input is made anew from the corpus, so that it can be made again without those before it.</summary>
    public byte[] Make(int seed, long iteration)
    {
        Random random = new((int)(Mix(Mix((ulong)(uint)seed) + (ulong)iteration) >> 32));
        List<byte> input = [.. corpus[random.Next(corpus.Count)]];
        for (int changes = 1 + (int)Math.Min(15, -Math.Log(1 - random.NextDouble()) * 3); changes > 0; changes--)
        {
            Change(input, random);
            if (input.Count > Longest)
            {
                input.RemoveRange(Longest, input.Count - Longest);
            }
        }

        if (input.Count > 8 && random.Next(4) != 0)
        {
            MendLength(input, random);
        }

        return [.. input];
    }

    private void Change(List<byte> input, Random random)
    {
        int at = random.Next(input.Count + 1);
        switch (random.Next(input.Count == 0 ? 1 : 10))
        {
            case 0 or 1:
                input.InsertRange(at, Words[random.Next(Words.Length)]);
                break;
            case 2:
                input[at % input.Count] ^= (byte)(1 << random.Next(8));
                break;
            case 3:
                input[at % input.Count] = (byte)random.Next(256);
                break;
            case 4 when random.Next(4) == 0:
                input.RemoveRange(at, input.Count - at);
                break;
            case 4 or 5:
                input.RemoveRange(at, random.Next(Math.Min(64, input.Count - at) + 1));
                break;
            case 6:
                // A slice again, elsewhere, perhaps many times: depth and doubled names come of it.
                byte[] slice = Slice(input, random);
                for (int times = random.Next(8) == 0 ? random.Next(200) : 1; times > 0 && input.Count < Longest; times--)
                {
                    input.InsertRange(at, slice);
                }

                break;
            case 7:
                Exchange(input, random);
                break;
            case 8:
                PutNumber(input, random);
                break;
            default:
                // The rest of another entry, from a random place of it.
                byte[] other = corpus[random.Next(corpus.Count)];
                input.RemoveRange(at, input.Count - at);
                input.AddRange(other.AsSpan(random.Next(other.Length + 1)));
                break;
        }
    }

    private static byte[] Slice(List<byte> input, Random random)
    {
        int start = random.Next(input.Count);
        return [.. input.GetRange(start, random.Next(Math.Min(128, input.Count - start) + 1))];
    }

    private static void Exchange(List<byte> input, Random random)
    {
        int[] cuts = [.. Enumerable.Range(0, 3).Select(_ => random.Next(input.Count + 1)).Order()];
        List<byte> moved = input.GetRange(cuts[0], cuts[1] - cuts[0]);
        input.RemoveRange(cuts[0], moved.Count);
        input.InsertRange(cuts[2] - moved.Count, moved);
    }

    /// <summary>An interesting number: in place of one that stands there as text, or as bytes.</summary>
    private static void PutNumber(List<byte> input, Random random)
    {
        ulong number = Numbers[random.Next(Numbers.Length)];
        int start = random.Next(input.Count);
        int digit = input.FindIndex(start, b => b is >= (byte)'0' and <= (byte)'9');
        if (digit >= 0 && random.Next(8) != 0)
        {
            int end = digit;
            while (end < input.Count && input[end] is >= (byte)'0' and <= (byte)'9')
            {
                end++;
            }

            input.RemoveRange(digit, end - digit);
            input.InsertRange(digit, Encoding.ASCII.GetBytes((random.Next(6) == 0 ? "-" : "") + number.ToString(CultureInfo.InvariantCulture)));
        }
        else
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
            for (int i = 0; i < 8 && start + i < input.Count; i++)
            {
                input[start + i] = bytes[i];
            }
        }
    }

    /// <summary>Where the input begins with a length, as a header does, lets it be right again: else no change would get past the first check.</summary>
    private static void MendLength(List<byte> input, Random random)
    {
        if (input[8] != (byte)'{')
        {
            return;
        }

        int close = input.LastIndexOf((byte)'}');
        int length = random.Next(8) == 0 || close < 8 ? input.Count - 8 : close - 7;
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)length);
        for (int i = 0; i < 8; i++)
        {
            input[i] = bytes[i];
        }
    }

    /// <summary>SplitMix64's finalizer: neighbours become strangers.</summary>
    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
