using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>Auxiliary files are inputs. Changes during a run are detected, and links out of the model folder are not copied.</summary>
public sealed class CompanionChangeTests : IDisposable
{
    private readonly TempFolder _folder = new(inMemory: true);

    public void Dispose() => _folder.Dispose();

    [NeedsTheory]
    [InlineData("written to", "config.json", "config.json")]
    [InlineData("written to with the old time", "config.json", "config.json")]
    [InlineData("removed", "tokenizer.json", "tokenizer.json")]
    [InlineData("a pipe", "tokenizer.json", "tokenizer.json")]
    [InlineData("appeared", "added_tokens.json", "added_tokens.json")]
    [InlineData("written to with the old time", "model.safetensors", "model.safetensors")]
    [InlineData("replaced by a link", "vocab.json", "vocab.json")]
    public async Task A_change_to_an_auxiliary_file_ends_the_run(string how, string name, string named)
    {
        ICheckpoint[] models = Models();
        MergePlan plan = Merge.Soup(models).OnThreads(1).Plan();
        string path = _folder["m0", name];
        CountingFiles files = new()
        {
            OnCall = call =>
            {
                if (call == 12)
                {
                    Change(how, path);
                }
            },
        };

        InputChangedException error = await Assert.ThrowsAsync<InputChangedException>(
            () => plan.ExecuteAsync(_folder["out"], new() { Files = files, KeepPartial = true }));

        Assert.EndsWith(named, error.File, StringComparison.Ordinal);
        Assert.Equal(["m0", "m1"], Folders.Names(_folder.Path));
        // Also if it changed between planning and running.
        await Assert.ThrowsAsync<InputChangedException>(() => plan.ExecuteAsync(_folder["out"]));
        Dispose(models);
    }

    [NeedsTheory]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("LICENSE")]
    public void A_link_out_of_the_model_folder_is_rejected_and_named(string name)
    {
        ICheckpoint[] models = Models();
        Directory.CreateDirectory(_folder["home"]);
        File.WriteAllText(_folder["home", "secret"], "{}");
        File.Delete(_folder["m0", name]);
        File.CreateSymbolicLink(_folder["m0", name], "../home/secret");
        MergeException error = Assert.Throws<MergeException>(() => Merge.Soup(models).Plan());
        Assert.Contains(Path.Combine("m0", name), error.Message, StringComparison.Ordinal);
        Assert.Contains("outside the model's folder", error.Message, StringComparison.Ordinal);

        // Links within the folder are a model's own.
        File.Delete(_folder["m0", name]);
        File.WriteAllText(_folder["m0", "real"], "{}");
        File.CreateSymbolicLink(_folder["m0", name], "real");
        Merge.Soup(models).Plan();

        File.Delete(_folder["m0", "real"]);
        Assert.Contains(
            "does not exist", Assert.ThrowsAny<LayerSwapException>(() => Merge.Soup(models).Plan()).Message, StringComparison.Ordinal);
        Dispose(models);
    }

    [NeedsFact]
    public async Task A_Hub_cache_snapshot_is_accepted_through_any_link()
    {
        Directory.CreateDirectory(_folder["hub", "models--o--n", "blobs"]);
        Directory.CreateDirectory(_folder["hub", "models--o--n", "snapshots", "abc"]);
        Directory.CreateDirectory(_folder["mine", "deep"]);
        foreach (string file in Directory.EnumerateFiles(Fixture.Set1("math")))
        {
            string name = Path.GetFileName(file);
            File.Copy(file, _folder["hub", "models--o--n", "blobs", name]);
            File.CreateSymbolicLink(_folder["hub", "models--o--n", "snapshots", "abc", name], "../../blobs/" + name);
        }

        Directory.CreateSymbolicLink(_folder["mine", "llama"], _folder["hub", "models--o--n", "snapshots", "abc"]);
        Directory.CreateSymbolicLink(_folder["mine", "link"], "deep");
        using ICheckpoint linked = Checkpoint.Open(_folder["mine", "llama"]);
        // The kernel follows the link before it goes up.
        Directory.CreateSymbolicLink(_folder["up"], "mine/deep");
        using ICheckpoint dotted = Checkpoint.Open(_folder.Path + "/up/../llama");
        await Merge.Soup(linked, dotted).SaveAsync(_folder["out"]);
        Assert.Equal(["README.md", "config.json", "layerswap.json", "model.safetensors", "vocab.json"], Folders.Names(_folder["out"]));
        Assert.True((await Checkpoint.VerifyAsync(_folder["out"])).Ok);
        foreach (string output in
            (string[])[
                _folder["mine", "llama", "sub"],
                _folder["hub", "models--o--n", "blobs", "sub"],
                _folder["hub", "models--o--n"],
                _folder["mine"]])
        {
            Assert.Contains(
                "Inputs are never changed",
                (await Assert.ThrowsAsync<OutputException>(
                    () => Merge.Soup(linked, dotted).SaveAsync(output, new() { Overwrite = true }))).Message,
                StringComparison.Ordinal);
        }
    }

    private static void Change(string how, string path)
    {
        byte[] bytes = File.Exists(path) ? File.ReadAllBytes(path) : [];
        DateTime time = File.Exists(path) ? File.GetLastWriteTimeUtc(path) : default;
        switch (how)
        {
            case "removed":
                File.Delete(path);
                break;
            case "a pipe":
                File.Delete(path);
                Outside.Run("mkfifo", path);
                break;
            case "appeared":
                File.WriteAllText(path, "{}");
                break;
            case "replaced by a link":
                File.Move(path, path + ".moved");
                File.CreateSymbolicLink(path, path + ".moved");
                break;
            default:
                bytes[^1] ^= 1;
                using (FileStream file = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
                {
                    file.Write(bytes);
                }

                if (how.EndsWith("old time", StringComparison.Ordinal))
                {
                    File.SetLastWriteTimeUtc(path, time);
                }

                break;
        }
    }

    private static void Dispose(ICheckpoint[] models)
    {
        foreach (ICheckpoint model in models)
        {
            model.Dispose();
        }
    }

    private ICheckpoint[] Models() => [.. Enumerable.Range(0, 2).Select(i =>
    {
        Folders.CopyDemo(i == 0 ? "math" : "sahili", _folder[$"m{i}"]);
        File.WriteAllText(_folder[$"m{i}", "tokenizer.json"], """{"model": {"vocab": {"a": 0, "b": 1}}}""");
        File.WriteAllText(_folder[$"m{i}", "LICENSE"], "free");
        return Checkpoint.Open(_folder[$"m{i}"]);
    })];
}
