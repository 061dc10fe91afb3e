using LayerSwap.Execution;

namespace LayerSwap.Tests.Execution;

[Trait("Category", "Kernel")]
public sealed class PreserveIdenticalTests
{
    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(64)]
    public void Elements_equal_in_all_operands_keep_their_bits(int bits)
    {
        Noise noise = new(19);
        int width = bits / 8;
        for (int length = 0; length <= 100; length++)
        {
            int count = 1 + (length % 4);
            byte[] first = noise.Bytes(length * width), output = noise.Bytes((length * width) + 8);
            byte Changed(byte b, int operand) => noise.Below(6 * width) == 0 && operand > 0 ? (byte)(b ^ (1 << noise.Below(8))) : b;
            byte[] operands = [.. Enumerable.Range(0, count).SelectMany(k => first.Select(b => Changed(b, k)))];
            byte[] expected = [.. output];
            for (int i = 0; i < length; i++)
            {
                byte[] element = operands[(i * width)..((i + 1) * width)];
                if (Enumerable.Range(0, count).All(k => operands.AsSpan((k * length * width) + (i * width), width).SequenceEqual(element)))
                {
                    element.CopyTo(expected, i * width);
                }
            }

            PreserveIdentical.Restore(width, operands, length, output.AsSpan(0, length * width));
            Assert.Equal(expected, output);
        }
    }
}
