namespace LayerSwap.Tests.Checkpoints;

/// <summary>A line of a cases.tsv: tab-separated columns under the names of the first line.</summary>
internal static class FormatCases
{
    public static IReadOnlyDictionary<string, string>[] Read(string fixture)
    {
        string[][] lines = [.. File.ReadLines(Fixture.Path(fixture, "cases.tsv")).Select(l => l.Split('\t'))];
        return
        [
            .. lines[1..].Select(l => lines[0]
                .Zip(l.Concat(Enumerable.Repeat("", lines[0].Length)))
                .ToDictionary(p => p.First, p => p.Second, StringComparer.Ordinal)),
        ];
    }

    /// <summary>Compares names, dtypes, shapes and bytes of two checkpoints.</summary>
    public static void AssertEqual(ICheckpoint expected, ICheckpoint found)
    {
        Assert.Equal(expected.Tensors.Select(t => t.ToString()), found.Tensors.Select(t => t.ToString()));
        foreach (TensorInfo tensor in expected.Tensors)
        {
            byte[] bytes = SmallModels.Bytes(found, tensor.Name);
            Assert.True(SmallModels.Bytes(expected, tensor.Name).AsSpan().SequenceEqual(bytes), tensor.ToString());
            // Ranges that begin and end within rows, and within elements.
            for (long offset = 0; offset < tensor.ByteLength; offset += 7)
            {
                byte[] one = new byte[Math.Min(13, tensor.ByteLength - offset)], other = new byte[one.Length];
                expected.Read(tensor.Name, offset, one);
                found.Read(tensor.Name, offset, other);
                Assert.True(one.AsSpan().SequenceEqual(other), $"{tensor} at {offset}");
            }
        }
    }
}
