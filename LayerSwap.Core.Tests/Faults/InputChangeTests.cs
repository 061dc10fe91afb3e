using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>An input that changes after it was opened ends the run without a crash.</summary>
public sealed class InputChangeTests
{
    [NeedsFact]
    public void An_input_truncated_during_the_run_is_named_with_the_tensor_and_the_process_exits_cleanly()
    {
        using LongWork work = new(16.MB(), 400);
        ToolRun run;
        using (ToolProcess process = work.StartWriting([], work["place", "out"]))
        {
            process.Signal("STOP");
            using (FileStream file = new(work.ExpertFile, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            {
                file.SetLength(file.Length / 3);
            }

            process.Signal("CONT");
            run = process.WaitForEnd();
        }

        Assert.True(run.Exit == 4, run.ToString());
        Assert.Equal("", run.Out);
        Assert.Contains(work.ExpertFile, run.Error, StringComparison.Ordinal);
        Assert.Contains("tensor model.layers.", run.Error, StringComparison.Ordinal);
        Assert.Contains("Remedy: ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        // The partial output is unusable and is removed.
        Assert.False(Directory.Exists(work["place"]));
    }

    [NeedsTheory]
    [InlineData("written to", "it was written to")]
    [InlineData("replaced", "another file has its name now")]
    [InlineData("lengthened", "bytes and has")]
    [InlineData("removed", "it is not there any more")]
    public async Task An_input_that_changes_during_the_run_is_named_and_nothing_is_published(string how, string says)
    {
        using Scene scene = Scene.Overwriting();
        string target = scene.Stage(), input = Path.Combine(scene.Inputs[1], "model.safetensors");
        byte[] bytes = File.ReadAllBytes(input);
        Dictionary<string, byte[]> old = Directory.EnumerateFiles(target).ToDictionary(f => f, File.ReadAllBytes, StringComparer.Ordinal);
        CountingFiles files = new()
        {
            OnCall = call =>
            {
                if (call == 15)
                {
                    switch (how)
                    {
                        case "written to":
                            using (FileStream file = new(input, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
                            {
                                file.Position = bytes.Length - 1;
                                file.WriteByte((byte)(bytes[^1] ^ 1));
                            }

                            break;
                        case "replaced":
                            File.WriteAllBytes(input + ".new", bytes);
                            File.Move(input + ".new", input, overwrite: true);
                            break;
                        case "lengthened":
                            File.AppendAllText(input, "more");
                            break;
                        default:
                            File.Delete(input);
                            break;
                    }
                }
            },
        };

        InputChangedException error = Assert.IsType<InputChangedException>(await scene.RunAsync(target, files, keep: true));

        Assert.Equal(input, error.File);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.Contains("nothing was published", error.Message, StringComparison.Ordinal);
        Assert.Equal(["out"], Folders.Names(Path.GetDirectoryName(target)!));
        Assert.All(old, f => Assert.Equal(f.Value, File.ReadAllBytes(f.Key)));
    }
}
