using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>Mutates inputs by a few random edits of bytes, slices, words and numbers, reproducible by seed and number.</summary>
internal sealed class Mutator(IReadOnlyList<byte[]> corpus)
{
    /// <summary>The maximum length of an input. Parser faults show in short inputs, which are fast.</summary>
    private const int MaxLength = 16 * 1024;

    private static readonly byte[][] Words = [.. FuzzWords.All.Select(Encoding.UTF8.GetBytes)];
    private static readonly ulong[] Numbers =
    [
        0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 255, 256, 65535, 65536, 99_999_992, 100_000_000, 100_000_001,
        int.MaxValue, 1UL << 31, uint.MaxValue, 1UL << 32, 1UL << 53, (1UL << 60) - 1, 1UL << 61,
        long.MaxValue, 1UL << 63, ulong.MaxValue - 7, ulong.MaxValue,
    ];

    /// <summary>Creates the input of one number. It depends on the corpus, not on earlier inputs, so it can be repeated alone.</summary>
    public byte[] Mutate(int seed, long iteration)
    {
        Random random = new((int)(Mix(Mix((ulong)(uint)seed) + (ulong)iteration) >> 32));
        List<byte> input = [.. corpus[random.Next(corpus.Count)]];
        for (int edits = 1 + (int)Math.Min(15, -Math.Log(1 - random.NextDouble()) * 3); edits > 0; edits--)
        {
            Edit(input, random);
            if (input.Count > MaxLength)
            {
                input.RemoveRange(MaxLength, input.Count - MaxLength);
            }
        }

        if (input.Count > 8 && random.Next(4) != 0)
        {
            RepairLength(input, random);
        }

        return [.. input];
    }

    private void Edit(List<byte> input, Random random)
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
                // Repeats a slice, which nests structures and duplicates names.
                byte[] slice = Slice(input, random);
                for (int times = random.Next(8) == 0 ? random.Next(200) : 1; times > 0 && input.Count < MaxLength; times--)
                {
                    input.InsertRange(at, slice);
                }

                break;
            case 7:
                MoveSlice(input, random);
                break;
            case 8:
                ReplaceNumber(input, random);
                break;
            default:
                // Appends the rest of another entry.
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

    private static void MoveSlice(List<byte> input, Random random)
    {
        int[] cuts = [.. Enumerable.Range(0, 3).Select(_ => random.Next(input.Count + 1)).Order()];
        List<byte> moved = input.GetRange(cuts[0], cuts[1] - cuts[0]);
        input.RemoveRange(cuts[0], moved.Count);
        input.InsertRange(cuts[2] - moved.Count, moved);
    }

    /// <summary>Inserts an edge-case number: in place of a decimal number, or as eight bytes.</summary>
    private static void ReplaceNumber(List<byte> input, Random random)
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
            string sign = random.Next(6) == 0 ? "-" : "";
            input.InsertRange(digit, Encoding.ASCII.GetBytes(sign + number.ToString(CultureInfo.InvariantCulture)));
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

    /// <summary>Repairs the length before a safetensors header, without which no edit would pass the first check.</summary>
    private static void RepairLength(List<byte> input, Random random)
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

    /// <summary>Hashes a number with SplitMix64's finalizer.</summary>
    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
