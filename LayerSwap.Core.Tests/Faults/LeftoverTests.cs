using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>Foreign files in a staging folder are never followed, opened, changed or removed. The old output is never lost.</summary>
public sealed class LeftoverTests
{
    private const int Midst = 20;

    public static TheoryData<string> Planted =>
    [
        "owner is a link to a file", "lock is a link to a file", "journal is a link to a file", "model is a link to a folder",
        "old is a link to a folder", "the folder is a link to a folder", "the folder is a file",
        "weights are a hard link", "journal is a hard link", "owner is a hard link", "a weight is a link", "a pipe is in the model",
        "owner is a pipe", "journal is a pipe", "lock is a pipe", "journal is a folder", "lock is a folder",
        "a folder is in the model", "a document is in the model", "a model without a journal",
    ];

    [NeedsTheory]
    [MemberData(nameof(Planted))]
    public async Task Foreign_files_in_the_staging_folder_are_rejected_and_left_unchanged(string what)
    {
        using Scene scene = Scene.Linear();
        string target = scene.Stage(),
            place = Path.GetDirectoryName(target)!,
            folder = Path.Combine(place, ".out.layerswap-partial"),
            model = Path.Combine(folder, "model");
        string elsewhere = Path.Combine(place, "elsewhere"), file = Path.Combine(elsewhere, "thesis.txt");
        Directory.CreateDirectory(elsewhere);
        File.WriteAllText(file, "the only copy");
        Assert.IsType<DeathException>(await scene.RunAsync(target, new CountingFiles(Fault.Kill, Midst)));
        Plant(what, folder, model, elsewhere, file);
        string[] mine = Contents(elsewhere);

        OutputException plain = Assert.IsType<OutputException>(await scene.RunAsync(target, new CountingFiles()));
        OutputException resumed = Assert.IsType<OutputException>(await scene.RunAsync(target, new CountingFiles(), resume: true));
        Exception? cleaned = Record.Exception(() => Merge.DeletePartialOutput(target));

        Assert.All(
            (Exception?[])[plain, resumed, cleaned],
            e => Assert.Contains(folder, Assert.IsType<OutputException>(e).Message, StringComparison.Ordinal));
        Assert.Contains("not LayerSwap's", resumed.Message, StringComparison.Ordinal);
        Assert.Equal(mine, Contents(elsewhere));
        Assert.False(Directory.Exists(target), "Something was published.");
        Assert.True(FileStatusOf(folder), "What is foreign was removed.");
    }

    [Theory]
    [InlineData("no journal")]
    [InlineData("an empty journal")]
    [InlineData("a torn journal")]
    [InlineData("the journal as it was")]
    public async Task A_renamed_old_output_is_kept_if_the_journal_is_lost_or_damaged(string what)
    {
        foreach (string command in (string[])["clean", "resume", "run", "resume without room"])
        {
            using Scene scene = Scene.Overwriting();
            string target = scene.Stage(),
                folder = Path.Combine(Path.GetDirectoryName(target)!, ".out.layerswap-partial"),
                journal = Path.Combine(folder, "journal");
            for (int n = 1; Directory.Exists(target); n++)
            {
                // The one call between the old output's stepping aside and the new one's coming.
                target = scene.Stage();
                await scene.RunAsync(target, new CountingFiles(Fault.Kill, n) { WithoutExchange = true });
                (folder, journal) = (
                    Path.Combine(Path.GetDirectoryName(target)!, ".out.layerswap-partial"),
                    Path.Combine(Path.GetDirectoryName(target)!, ".out.layerswap-partial", "journal"));
            }

            byte[] bytes = File.ReadAllBytes(journal);
            File.Delete(journal);
            if (what != "no journal")
            {
                File.WriteAllBytes(journal, what switch { "an empty journal" => [], "a torn journal" => bytes[..40], _ => bytes });
            }

            Exception? error = command switch
            {
                "clean" => Record.Exception(() => Merge.DeletePartialOutput(target)),
                "run" => await scene.RunAsync(target, new CountingFiles()),
                "resume without room" => await scene.RunAsync(target, new CountingFiles { Free = 0 }, resume: true),
                _ => await scene.RunAsync(target, new CountingFiles(), resume: true),
            };

            string when = $"{what}, {command}: {error?.Message}";
            Assert.True(error is null or OutputException, when);
            bool isNew = Directory.Exists(target) && Same(target, scene.New);
            Assert.True(
                isNew || (Directory.Exists(target) && Same(target, scene.Old)) || Same(Path.Combine(folder, "old"), scene.Old),
                $"{when}: the old output is lost.");
        }
    }

    [NeedsTheory]
    [InlineData("moved away")]
    [InlineData("removed")]
    [InlineData("another folder")]
    [InlineData("damaged")]
    [InlineData("copied with all that is beside it")]
    public async Task An_exchanged_old_output_is_kept_if_the_new_output_is_lost_or_damaged(string what)
    {
        foreach (string command in (string[])["clean", "resume", "run"])
        {
            using Scene scene = Scene.Overwriting();
            string target = scene.Stage();
            for (int n = 1; !Directory.Exists(target) || Same(target, scene.Old); n++)
            {
                // The first call after the exchange.
                target = scene.Stage();
                await scene.RunAsync(target, new CountingFiles(Fault.Kill, n));
            }

            string place = Path.GetDirectoryName(target)!;
            switch (what)
            {
                case "moved away":
                    Directory.Move(target, target + "-kept");
                    break;
                case "removed":
                    Directory.Delete(target, recursive: true);
                    break;
                case "another folder":
                    Directory.Delete(target, recursive: true);
                    Directory.CreateDirectory(target);
                    File.WriteAllText(Path.Combine(target, "thesis.txt"), "the only copy");
                    break;
                case "damaged":
                    File.Delete(Path.Combine(target, "model.safetensors"));
                    break;
                default:
                    Outside.Run("cp", "-a", place, place + "-copy");
                    target = Path.Combine(place + "-copy", "out");
                    place += "-copy";
                    break;
            }

            Exception? error = command switch
            {
                "clean" => Record.Exception(() => Merge.DeletePartialOutput(target)),
                "run" => await scene.RunAsync(target, new CountingFiles()),
                _ => await scene.RunAsync(target, new CountingFiles(), resume: true),
            };

            string when = $"{what}, {command}: {error?.Message}";
            Assert.True(error is null or OutputException, when);
            // The old one is replaced only by a new one that is whole.
            bool isOld = Directory.EnumerateDirectories(place, "*", SearchOption.AllDirectories).Any(d => Same(d, scene.Old));
            Assert.True(isOld || Same(target, scene.New), $"{when}: the old output is lost.");
            Assert.True(what != "another folder" || File.ReadAllText(Path.Combine(target, "thesis.txt")) == "the only copy", when);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Clean_removes_files_made_by_LayerSwap_and_names_the_others(bool parts)
    {
        using Scene scene = parts ? Scene.Parts(overwrite: false) : Scene.Linear();
        string target = parts ? await scene.StageWorkedAsync() : scene.Stage(), place = Path.GetDirectoryName(target)!;
        if (!parts)
        {
            await scene.RunAsync(target, new CountingFiles(Fault.Kill, Midst));
        }

        string root = Merge.FindPartialOutput(target)!, within = Path.Combine(root, parts ? "part-1-of-2" : "model");
        File.WriteAllText(Path.Combine(within, "thesis.txt"), "the only copy");
        Directory.CreateDirectory(Path.Combine(within, "data"));
        File.WriteAllText(Path.Combine(within, "data", "measured.csv"), "1");

        string error = Tool.Fail(2, "clean", target);

        Assert.Contains("thesis.txt", error, StringComparison.Ordinal);
        Assert.Contains("data", error, StringComparison.Ordinal);
        Assert.Equal(
            ["measured.csv", "thesis.txt"],
            Directory.EnumerateFiles(place, "*", SearchOption.AllDirectories)
                .Select(f => Path.GetFileName(f))
                .Order(StringComparer.Ordinal));
    }

    private static void Plant(string what, string folder, string model, string elsewhere, string file)
    {
        string weights = Path.Combine(model, "model.safetensors"), other = Path.Combine(elsewhere, "model.safetensors");
        string Own(string name) => Path.Combine(folder, name);
        switch (what)
        {
            case "owner is a link to a file" or "lock is a link to a file" or "journal is a link to a file":
                File.Delete(Own(what.Split(' ')[0]));
                File.CreateSymbolicLink(Own(what.Split(' ')[0]), file);
                break;
            case "model is a link to a folder":
                Directory.Delete(model, recursive: true);
                Directory.CreateSymbolicLink(model, elsewhere);
                break;
            case "old is a link to a folder":
                Directory.CreateSymbolicLink(Own("old"), elsewhere);
                break;
            case "the folder is a link to a folder":
                foreach (string entry in Directory.EnumerateFiles(folder))
                {
                    File.Copy(entry, Path.Combine(elsewhere, Path.GetFileName(entry)));
                }

                Directory.Delete(folder, recursive: true);
                Directory.CreateSymbolicLink(folder, elsewhere);
                break;
            case "the folder is a file":
                Directory.Delete(folder, recursive: true);
                File.WriteAllText(folder, "mine");
                break;
            case "weights are a hard link":
                Outside.Run("ln", weights, other);
                break;
            case "journal is a hard link" or "owner is a hard link":
                Outside.Run("ln", Own(what.Split(' ')[0]), other);
                break;
            case "a weight is a link":
                File.Move(weights, other);
                File.CreateSymbolicLink(weights, other);
                break;
            case "a pipe is in the model":
                Outside.Run("mkfifo", Path.Combine(model, "config.json"));
                break;
            case "owner is a pipe" or "journal is a pipe" or "lock is a pipe":
                File.Delete(Own(what.Split(' ')[0]));
                Outside.Run("mkfifo", Own(what.Split(' ')[0]));
                break;
            case "journal is a folder" or "lock is a folder":
                File.Delete(Own(what.Split(' ')[0]));
                Directory.CreateDirectory(Own(what.Split(' ')[0]));
                break;
            case "a folder is in the model":
                Directory.CreateDirectory(Path.Combine(model, "README.md"));
                break;
            case "a document is in the model":
                File.WriteAllText(Path.Combine(model, "thesis.txt"), "the only copy");
                break;
            case "a model without a journal":
                File.Delete(Own("journal"));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(what), what, null);
        }
    }

    private static bool FileStatusOf(string folder) => LayerSwap.IO.FileStatus.ReadEntry(folder) is not null;

    private static string[] Contents(string folder) =>
        [.. Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).Select(f => $"{f} {Convert.ToHexString(File.ReadAllBytes(f))}")];

    private static bool Same(string folder, SortedDictionary<string, byte[]> expected) =>
        Directory.Exists(folder)
            && Folders.Names(folder).SequenceEqual(expected.Keys, StringComparer.Ordinal)
            && expected.All(f => File.ReadAllBytes(Path.Combine(folder, f.Key)).AsSpan().SequenceEqual(f.Value));
}
