using LayerSwap.Checkpoints;

namespace LayerSwap.Tests.Checkpoints;

public sealed class NaturalSortTests
{
    private static readonly string[] Pieces = ["a", "b", "0", "1", "9", "10", "007", ".", "layers.", "é", "\u007f", "~", "/", ":", "123456789012", "00"];

    [Fact]
    public void Sorts_as_the_order_says()
    {
        Random random = new(12345);
        for (int round = 0; round < 300; round++)
        {
            string start = Name(random, random.Next(3));
            string[] names = [.. Enumerable.Range(0, random.Next(1, 400)).Select(_ => start + Name(random, random.Next(7))).Distinct(StringComparer.Ordinal)];
            if (round % 100 == 7)
            {
                // Numbers longer than a key tells apart.
                names = [.. names, .. names.Select(n => n + new string('1', 300)), .. names.Select(n => n + new string('1', 299) + "2")];
            }

            names = [.. names.Distinct(StringComparer.Ordinal)];
            TensorInfo[] tensors = [.. names.Select(n => new TensorInfo(n, DType.UInt8, new TensorShape(1)))];
            NaturalSort.Sort(tensors);
            Array.Sort(names, NaturalOrder.Instance);
            Assert.Equal(names, tensors.Select(t => t.Name));
        }
    }

    private static string Name(Random random, int pieces) => string.Concat(Enumerable.Range(0, pieces).Select(_ => Pieces[random.Next(Pieces.Length)]));
}
