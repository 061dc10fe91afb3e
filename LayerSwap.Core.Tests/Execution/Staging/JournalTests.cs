using System.IO.Hashing;
using System.Text;
using LayerSwap.Execution;
using LayerSwap.IO;

namespace LayerSwap.Tests.Execution;

/// <summary>Journals whose checksums are right and whose lines are not what this version writes: found by the fuzzer, which got the framework's exceptions.</summary>
public sealed class JournalTests
{
    private const string Begun = "begin {\"overwrite\":false,\"facts\":[[\"seed\",\"1\"]]}";

    [Theory]
    [InlineData("begin {")]
    [InlineData("begin []")]
    [InlineData("begin {\"overwrite\":false}")]
    [InlineData("begin {\"facts\":[[\"seed\",\"1\"]]}")]
    [InlineData("begin {\"overwrite\":1,\"facts\":[[\"seed\",\"1\"]]}")]
    [InlineData("begin {\"overwrite\":false,\"facts\":[[]]}")]
    [InlineData("begin {\"overwrite\":false,\"facts\":[[null,\"1\"]]}")]
    [InlineData("begin {\"overwrite\":false,\"facts\":[[\"seed\",\"1\"],[\"seed\",\"1\"]]}")]
    [InlineData(Begun, "tensor x 0123456789abcdef QQ==")]
    [InlineData(Begun, "tensor 99999999999 0123456789abcdef QQ==")]
    [InlineData(Begun, "tensor 0 1123456789abcdef0 QQ==")]
    [InlineData(Begun, "tensor 0 0123456789abcdef Q")]
    public void One_that_cannot_be_understood_is_refused_with_the_remedy(params string[] lines)
    {
        using TempFolder folder = new();
        File.WriteAllLines(folder["journal"], lines.Select(l => $"{TensorChecksum.Text(XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(l)))} {l}"));

        OutputException refused = Assert.Throws<OutputException>(() => Journal.Continue(SystemFiles.Instance, folder["journal"], "out", [new("seed", "1")], out _));

        Assert.True(refused.Refused);
        Assert.Contains("layerswap clean", refused.Message, StringComparison.Ordinal);
        // The handle is given back.
        using FileStream alone = new(folder["journal"], FileMode.Open, FileAccess.ReadWrite, FileShare.None);
    }
}
