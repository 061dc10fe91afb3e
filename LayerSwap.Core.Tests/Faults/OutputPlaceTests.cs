using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>An output that is an input, under any name, is rejected before any work.</summary>
public sealed class OutputPlaceTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [NeedsTheory]
    [InlineData("models/math", "the input itself")]
    [InlineData("models/math/", "with a slash")]
    [InlineData("models/./sahili/../math", "by detours")]
    [InlineData("link", "by a link to it")]
    [InlineData("chain", "by a link to a link")]
    [InlineData("linked/math", "by a link above it")]
    [InlineData("models/math/inside", "inside")]
    [InlineData("link/inside/deep", "inside by a link")]
    [InlineData("models", "around")]
    [InlineData("hard", "a folder with a hard link to an input's file")]
    [InlineData("soft", "a folder with a link to an input's file")]
    public void An_output_that_overlaps_an_input_is_rejected_and_no_file_changes(string output, string what)
    {
        Folders.CopyDemo("math", _folder["models", "math"]);
        Folders.CopyDemo("sahili", _folder["models", "sahili"]);
        Directory.CreateSymbolicLink(_folder["link"], _folder["models", "math"]);
        Directory.CreateSymbolicLink(_folder["chain"], "link");
        Directory.CreateSymbolicLink(_folder["linked"], "models");
        Directory.CreateDirectory(_folder["hard"]);
        Outside.Run("ln", _folder["models", "math", "model.safetensors"], _folder["hard", "other.bin"]);
        Directory.CreateDirectory(_folder["soft"]);
        File.CreateSymbolicLink(_folder["soft", "other.bin"], _folder["models", "math", "model.safetensors"]);
        string[] before = Folders.Snapshot(_folder.Path);

        foreach (string[] more in (string[][])[[], ["--overwrite"], ["--overwrite", "--resume"]])
        {
            if (output is "hard" or "soft" && more is [])
            {
                continue;
            }

            string error = Tool.Fail(
                2,
                [
                    "swap", "--task", _folder["models", "math"], "--language", _folder["models", "sahili"], "--bottom", "1", "--top", "1",
                    .. more, "-o", _folder[output]]);
            Assert.True(error.Contains("is, contains or is inside the input", StringComparison.Ordinal), $"{what}: {error}");
            Assert.Equal(before, Folders.Snapshot(_folder.Path));
        }
    }
}
