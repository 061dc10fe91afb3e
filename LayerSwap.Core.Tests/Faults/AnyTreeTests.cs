using System.Security.Cryptography;
using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Faults;

/// <summary>
/// Random trees of models, documents, links, hard links and leftovers around inputs and outputs. No command changes a file outside the
/// output.
/// </summary>
public sealed class AnyTreeTests
{
    private const int Rounds = 120, Commands = 4;

    [NeedsTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task No_command_changes_a_file_outside_the_output(int seed)
    {
        int done = 0, refused = 0;
        for (int round = 0; round < Rounds; round++)
        {
            using TempFolder folder = new(inMemory: true);
            Tree tree = new(folder.Path, new Random((seed * 1000) + round));
            tree.Grow();
            for (int i = 0; i < Commands; i++)
            {
                (string what, bool ran) = await tree.CommandAsync($"seed {seed}, round {round}, command {i}");
                done += ran ? 1 : 0;
                refused += ran ? 0 : 1;
                Assert.True(what.Length > 0);
            }
        }

        Assert.True(done > Rounds / 4 && refused > Rounds / 4, $"{done} commands ran, {refused} were refused.");
    }

    [NeedsFact(Needs.Mount)]
    public async Task No_command_changes_a_file_outside_the_output_through_bind_mounts()
    {
        for (int round = 0; round < 25; round++)
        {
            using TempFolder folder = new(inMemory: true);
            Random random = new(9000 + round);
            Tree tree = new(folder.Path, random);
            tree.Grow();
            List<string> mounts = [];
            try
            {
                for (int i = 0; i < 2; i++)
                {
                    string at = Path.Combine(folder.Path, "a", $"mount{i}");
                    Directory.CreateDirectory(at);
                    Outside.Run("mount", "--bind", tree.AnyFolder(), at);
                    mounts.Add(at);
                }

                tree.Mounts = mounts;
                for (int i = 0; i < Commands; i++)
                {
                    await tree.CommandAsync($"mounts, round {round}, command {i}");
                }
            }
            finally
            {
                mounts.Reverse();
                mounts.ForEach(m => Outside.Run("umount", "-l", m));
            }
        }
    }

    /// <summary>A small file system. Files are identified by device and inode.</summary>
    private sealed class Tree(string root, Random random)
    {
        private static readonly string[] Names = ["a", "b", "c"];

        private readonly List<string> _models = [];
        private readonly HashSet<string> _made = new(StringComparer.Ordinal);

        public IReadOnlyList<string> Mounts { get; set; } = [];

        public string AnyFolder()
        {
            string[] folders = [.. Walk(root).Where(e => IsFolder(e) && !Mounts.Contains(e, StringComparer.Ordinal))];
            return folders[random.Next(folders.Length)];
        }

        public void Grow()
        {
            foreach (string one in Names)
            {
                foreach (string two in Names)
                {
                    Directory.CreateDirectory(Path.Combine(root, one, two));
                }
            }

            for (int i = 0; i < 3; i++)
            {
                string model =
                    Path.Combine(AnyFolder(), random.Next(4) switch { 0 => ".out.layerswap-partial", 1 => "model", _ => $"m{i}" });
                if (!Directory.Exists(model))
                {
                    Folders.Save(
                        SmallModels.Of(
                            $"m{i}",
                            DType.Float32,
                            [.. Enumerable.Range(0, 2).Select(
                                l => ($"model.layers.{l}.mlp.up_proj.weight", new long[] { 2, 2 }, new double[] { i, l, 1, 2 }))]),
                        model);
                    File.WriteAllText(Path.Combine(model, "config.json"), """{"model_type": "llama"}""");
                    File.Delete(Path.Combine(model, "layerswap.json"));
                    _models.Add(model);
                }
            }

            for (int i = 0; i < 6; i++)
            {
                File.WriteAllText(Path.Combine(AnyFolder(), $"document{i}.txt"), $"{i}");
            }

            for (int i = 0; i < 6; i++)
            {
                string at = Path.Combine(
                    AnyFolder(),
                    random.Next(5) switch
                    {
                        0 => "out",
                        1 => ".out.layerswap-partial",
                        2 => ".out.layerswap-parts",
                        3 => "model",
                        _ => $"link{i}",
                    });
                if (FileStatusIsNull(at))
                {
                    string to = random.Next(3) == 0 ? AnyFile() : AnyFolder();
                    File.CreateSymbolicLink(at, random.Next(2) == 0 ? to : Path.GetRelativePath(Path.GetDirectoryName(at)!, to));
                }
            }

            for (int i = 0; i < 3; i++)
            {
                string at = Path.Combine(AnyFolder(), random.Next(2) == 0 ? "model.safetensors" : $"hard{i}");
                if (FileStatusIsNull(at))
                {
                    Outside.Run("ln", AnyFile(), at);
                }
            }
        }

        /// <summary>Runs a random command, and requires that files outside the output are unchanged.</summary>
        public async Task<(string What, bool Ran)> CommandAsync(string when)
        {
            string output = Output();
            // A relative link resolves differently if its folder is mounted. Files of this machine must not be changed.
            if (!LayerSwap.IO.RealPath.Resolve(output).StartsWith(root + "/", StringComparison.Ordinal))
            {
                return ("elsewhere", false);
            }

            Dictionary<string, string> before = Snapshot();
            string real = LayerSwap.IO.RealPath.Resolve(output);
            // A model without foreign files may be replaced, the folder of an input never.
            HashSet<string> replaceable = Directory.Exists(real) ? [.. Directory.EnumerateFiles(real)] : [];
            replaceable.RemoveWhere(f => Path.GetFileName(f).StartsWith("document", StringComparison.Ordinal)
                || Path.GetFileName(f).StartsWith("hard", StringComparison.Ordinal));
            string[] inputs = [Pick(), Pick()];
            string[] inputFiles = [.. inputs.SelectMany(i => Directory.EnumerateFiles(LayerSwap.IO.RealPath.Resolve(i)))];
            int kind = random.Next(8);
            string what = $"{when}: {kind} of {string.Join(", ", inputs)} to {output}";
            Exception? error = await Record.ExceptionAsync(async () =>
            {
                if (kind == 0)
                {
                    Merge.DeletePartialOutput(output);
                    return;
                }

                using ICheckpoint one = Checkpoint.Open(inputs[0]), two = Checkpoint.Open(inputs[1]);
                MergePlan plan = Merge.Soup(one, two).InShardsOf(40).Plan();
                SaveOptions options = new() { Overwrite = random.Next(2) == 0, Resume = random.Next(2) == 0, Durable = false };
                await (kind switch
                {
                    1 => plan.ExecutePartAsync(output, MergePart.Of(1, 2), options),
                    2 => plan.ExecutePartAsync(output, MergePart.Of(2, 2), options),
                    3 => plan.AssembleAsync(output, options),
                    4 => plan.ExecuteAsync(
                        output, options with { KeepPartial = true, Files = new CountingFiles(Fault.Kill, random.Next(1, 30)) }),
                    _ => plan.ExecuteAsync(output, options),
                });
            });
            Assert.True(error is null or LayerSwapException or DeathException or IOException, $"{what}: {error}");

            Dictionary<string, string> after = Snapshot();
            foreach ((string path, string contents) in before)
            {
                bool mayGo = (replaceable.Contains(path) && !inputFiles.Contains(path, StringComparer.Ordinal)) || _made.Contains(path);
                Assert.True(
                    mayGo || after.GetValueOrDefault(path) == contents,
                    $"{what}: {path} was {contents} and is {after.GetValueOrDefault(path) ?? "gone"}. {error?.Message}");
            }

            _made.UnionWith(after.Keys.Where(p => !before.ContainsKey(p)));
            return (what, error is null);
        }

        private string Pick() => _models[random.Next(_models.Count)];

        private string AnyFile()
        {
            string[] files = [.. Walk(root).Where(e => LayerSwap.IO.FileStatus.ReadEntry(e)!.Kind == LayerSwap.IO.FileKind.File)];
            return files[random.Next(files.Length)];
        }

        /// <summary>An output: a new place, a link, a model, a folder of documents, or something within one of them.</summary>
        private string Output()
        {
            string[] links = [.. Walk(root).Where(e => new FileInfo(e).LinkTarget is not null)];
            string folder = Mounts.Count > 0 && random.Next(2) == 0 ? Mounts[random.Next(Mounts.Count)] : AnyFolder();
            return random.Next(5) switch
            {
                0 when links.Length > 0 => links[random.Next(links.Length)],
                1 when links.Length > 0 => Path.Combine(links[random.Next(links.Length)], "out"),
                2 => _models[random.Next(_models.Count)],
                3 => folder,
                _ => Path.Combine(folder, "out"),
            };
        }

        /// <summary>Every file and link by path, with its contents or target.</summary>
        private Dictionary<string, string> Snapshot()
        {
            Dictionary<string, string> found = new(StringComparer.Ordinal);
            foreach (string path in Walk(root))
            {
                FileInfo file = new(path);
                if (file.LinkTarget is { } target)
                {
                    found[path] = "a link to " + target;
                }
                else if (file.Exists)
                {
                    found[path] = Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));
                }
            }

            return found;
        }

        /// <summary>Everything below a folder. No link is followed: it may lead anywhere.</summary>
        private static IEnumerable<string> Walk(string folder)
        {
            foreach (string entry in Directory.EnumerateFileSystemEntries(folder).Order(StringComparer.Ordinal).ToList())
            {
                yield return entry;
                foreach (string inner in IsFolder(entry) ? Walk(entry) : [])
                {
                    yield return inner;
                }
            }
        }

        private static bool IsFolder(string path) => LayerSwap.IO.FileStatus.ReadEntry(path)?.Kind == LayerSwap.IO.FileKind.Folder;

        private static bool FileStatusIsNull(string path) => LayerSwap.IO.FileStatus.ReadEntry(path) is null;
    }
}
