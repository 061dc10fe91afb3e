using System.IO.Hashing;
using System.Text;
using LayerSwap.Execution;
using LayerSwap.IO;

namespace LayerSwap.Tests.Execution;

/// <summary>Tests journals with valid checksums and lines that this version does not write.</summary>
public sealed class JournalTests
{
    private const string Begin = "begin {\"overwrite\":false,\"facts\":[[\"seed\",\"1\"]]}";

    [Theory]
    [InlineData("begin {")]
    [InlineData("begin []")]
    [InlineData("begin {\"overwrite\":false}")]
    [InlineData("begin {\"facts\":[[\"seed\",\"1\"]]}")]
    [InlineData("begin {\"overwrite\":1,\"facts\":[[\"seed\",\"1\"]]}")]
    [InlineData("begin {\"overwrite\":false,\"facts\":[[]]}")]
    [InlineData("begin {\"overwrite\":false,\"facts\":[[null,\"1\"]]}")]
    [InlineData("begin {\"overwrite\":false,\"facts\":[[\"seed\",\"1\"],[\"seed\",\"1\"]]}")]
    [InlineData(Begin, "tensor x 0123456789abcdef QQ==")]
    [InlineData(Begin, "tensor 99999999999 0123456789abcdef QQ==")]
    [InlineData(Begin, "tensor 0 1123456789abcdef0 QQ==")]
    [InlineData(Begin, "tensor 0 0123456789abcdef Q")]
    public void Unknown_journal_lines_are_rejected_with_a_remedy(params string[] lines)
    {
        using TempFolder folder = new();
        string Checksum(string line) => TensorChecksum.Format(XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(line)));
        File.WriteAllLines(folder["journal"], lines.Select(l => $"{Checksum(l)} {l}"));

        OutputException refused = Assert.Throws<OutputException>(
            () => Journal.Resume(SystemFiles.Instance, folder["journal"], "out", [new("seed", "1")], out _));

        Assert.True(refused.Refused);
        Assert.Contains("layerswap clean", refused.Message, StringComparison.Ordinal);
        // The file is closed.
        using FileStream alone = new(folder["journal"], FileMode.Open, FileAccess.ReadWrite, FileShare.None);
    }
}
