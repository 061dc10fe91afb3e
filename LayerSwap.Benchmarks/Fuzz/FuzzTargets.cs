using System.IO.Hashing;
using System.Text;
using LayerSwap.Checkpoints;
using LayerSwap.Checkpoints.PyTorch;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Checkpoints.TorchSharp;
using LayerSwap.Execution;
using LayerSwap.IO;
using LayerSwap.Recipes;
using Microsoft.Win32.SafeHandles;

namespace LayerSwap.Benchmarks.Fuzz;

/// <summary>All readers of input. Each file reader has its own file in a temporary folder, in memory if possible.</summary>
internal sealed class FuzzTargets : IDisposable
{
    private static readonly Fact[] Identity = [new("recipe", "a"), new("seed", "1")];

    private readonly string _folder = Path.Combine(
        Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(),
        "layerswap-fuzz-" + Guid.NewGuid().ToString("N"));

    private readonly List<SafeFileHandle> _handles = [];

    public FuzzTargets()
    {
        Directory.CreateDirectory(_folder);
        FolderCheckpoint checkpoint = new(_folder);
        All =
        [
            Header(),
            OverFile(
                "index",
                ShardIndex.FileName,
                path => ShardIndex.Read(path),
                f => f.EndsWith(".index.json", StringComparison.Ordinal),
                """{"metadata": {"total_size": 16, "more": {"a": [1]}},"""
                    + """ "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}""",
                "{\"weight_map\":{}}"),
            Recipe(),
            OverFile(
                "config",
                ModelConfig.FileName,
                _ => ReadConfig(checkpoint),
                f => f == ModelConfig.FileName,
                """{"text_config": {"model_type": "a", "vocab_size": 9, "layer_types": ["x"]},"""
                    + """ "tie_word_embeddings": true, "rope": 1e5}"""),
            OverFile(
                "tokenizer",
                "tokenizer.json",
                _ => TokenizerVocabulary.TryRead(checkpoint),
                f => f == "tokenizer.json",
                """{"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": [{"content": "<s>", "id": 2}]}""",
                """{"model": {"vocab": [["a", -1.5], ["b", 0]]}}"""),
            // Seal closes the object: otherwise hardly any mutation passes the manifest's own checksum.
            OverFile(
                "record",
                ManifestWriter.FileName,
                _ => Manifest.TryRead(_folder),
                _ => false,
                bytes => ManifestWriter.AppendChecksum(bytes),
                $$"""{"checksum": "{{ManifestWriter.Algorithm}}","""
                    + """ "files": [{"name": "model.safetensors", "bytes": 12, "headerSha256": "00"}, """
                    + """{"name": "config.json", "bytes": 2, "xxh64": "0123456789abcdef"}], "facts": [["seed", "1"]],"""
                    + """ "tensors": [{"name": "a", "xxh64": "0123456789abcdef", "detail": "x"}]"""),
            Journals(),
            Pickle(),
            OverFile("torch", "torch.pt", path => ReadAll(PyTorchFile.Open(path, key: null)), WeightsFormat.PyTorch.HasExtension),
            OverFile(
                "torchsharp",
                "torch.dat",
                path => ReadAll(TorchSharpFile.Open(path)),
                WeightsFormat.TorchSharp.HasExtension,
                "\u0001\u0001a\u0006\u0001\u000201234567"),
        ];
    }

    public IReadOnlyList<FuzzTarget> All { get; }

    public void Dispose()
    {
        _handles.ForEach(h => h.Dispose());
        Directory.Delete(_folder, recursive: true);
    }

    private FuzzTarget Header()
    {
        SafeFileHandle file = Create("model.safetensors");
        return new FuzzTarget
        {
            Name = "header",
            AcceptsFile = f => f.EndsWith(SafeTensorsFormat.Extension, StringComparison.Ordinal),
            Seeds =
            [
                WithLength(
                    """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}"""
                        + ""","b":{"dtype":"BF16","shape":[],"data_offsets":[8,10],"x":[{"y":1}]}}""",
                    10),
            ],
            Read = bytes =>
            {
                Fill(file, bytes);
                SafeTensorsHeaderReader.Read(file, "model.safetensors");
            },
        };
    }

    /// <summary>A pickle alone: in a zip, nearly every mutation fails at the checksum.</summary>
    private FuzzTarget Pickle()
    {
        SafeFileHandle file = Create("data.pkl");
        PyTorchThrow error = new("data.pkl");
        return new FuzzTarget
        {
            Name = "pickle",
            AcceptsFile = _ => false,
            Seeds = [.. FuzzPickles.All.Select(Encoding.Latin1.GetBytes)],
            Read = bytes =>
            {
                Fill(file, bytes);
                StateDict.Find(new PickleReader(new ByteSource(file, 0, bytes.Length, error), error).Read(), key: null, error);
            },
        };
    }

    /// <summary>Reads the first bytes of every tensor, so that views are gathered too.</summary>
    private static void ReadAll(ICheckpoint checkpoint)
    {
        using (checkpoint)
        {
            foreach (TensorInfo tensor in checkpoint.Tensors)
            {
                checkpoint.Read(tensor.Name, 0, new byte[Math.Min(tensor.ByteLength, 4096)]);
            }
        }
    }

    private static FuzzTarget Recipe() => new()
    {
        Name = "recipe",
        AcceptsFile = f => f.EndsWith(".yml", StringComparison.Ordinal) || f.EndsWith(".yaml", StringComparison.Ordinal),
        Seeds = [.. FuzzRecipes.All.Select(Encoding.UTF8.GetBytes)],
        Read = bytes => RecipeReader.Read(RecipeText.Decode(bytes, "fuzz.yml"), "fuzz.yml"),
    };

    /// <summary>Corrects the checksums of lines, which would fail after most mutations, in most inputs.</summary>
    private FuzzTarget Journals()
    {
        string path = Path.Combine(_folder, "journal");
        SafeFileHandle file = Create("journal");
        return new FuzzTarget
        {
            Name = "journal",
            AcceptsFile = _ => false,
            Seeds =
            [
                .. new[]
                {
                    "begin {\"overwrite\":false,\"facts\":[[\"recipe\",\"a\"],[\"seed\",\"1\"]],\"files\":[\"model.safetensors\"]}\n"
                        + "tensor 0 0123456789abcdef QQ==\ntensor 1 00000000000000ff \npublishing 12\n",
                    "begin {\"overwrite\":true,\"facts\":[[\"recipe\",\"b\"]]}\n",
                }.Select(Encoding.UTF8.GetBytes),
            ],
            Read = bytes =>
            {
                bool keepChecksums = bytes.Length % 2 == 0 && bytes is [>= (byte)'0' and <= (byte)'9', ..];
                Fill(file, keepChecksums ? bytes : WithChecksums(bytes));
                Journal.ReadHeader(path);
                Journal.Resume(SystemFiles.Instance, path, "out", Identity, out _)?.Dispose();
            },
        };
    }

    private FuzzTarget OverFile(
        string name,
        string fileName,
        Action<string> read,
        Func<string, bool> takes,
        params string[] seeds) =>
        OverFile(name, fileName, read, takes, bytes => bytes, seeds);

    private FuzzTarget OverFile(
        string name,
        string fileName,
        Action<string> read,
        Func<string, bool> takes,
        Func<byte[], byte[]> prepare,
        params string[] seeds)
    {
        SafeFileHandle file = Create(fileName);
        string path = Path.Combine(_folder, fileName);
        return new FuzzTarget
        {
            Name = name,
            AcceptsFile = takes,
            Seeds = [.. seeds.Select(Encoding.UTF8.GetBytes)],
            Read = bytes =>
            {
                Fill(file, prepare(bytes));
                read(path);
            },
        };
    }

    private static void ReadConfig(ICheckpoint checkpoint)
    {
        if (ModelConfig.TryRead(checkpoint) is not { } config)
        {
            return;
        }

        // The properties are parsed lazily; a merge reads each of them.
        _ = (config.ModelType, config.Layers, config.HiddenSize, config.Heads);
        _ = (config.KeyValueHeads, config.VocabularySize, config.TiedEmbeddings, config.Has("vocab_size"));
        _ = config.Lists.Count();
    }

    private SafeFileHandle Create(string name)
    {
        // Shared, because the reader under test opens the file again.
        SafeFileHandle file = File.OpenHandle(
            Path.Combine(_folder, name),
            FileMode.CreateNew,
            FileAccess.ReadWrite,
            FileShare.ReadWrite | FileShare.Delete);
        _handles.Add(file);
        return file;
    }

    private static void Fill(SafeFileHandle file, byte[] bytes)
    {
        RandomAccess.SetLength(file, bytes.Length);
        RandomAccess.Write(file, bytes, 0);
    }

    private static byte[] WithLength(string json, int dataLength) =>
        [.. BitConverter.GetBytes((ulong)json.Length), .. Encoding.UTF8.GetBytes(json), .. new byte[dataLength]];

    private static byte[] WithChecksums(byte[] lines)
    {
        using MemoryStream corrected = new();
        for (int start = 0; start < lines.Length;)
        {
            int newline = Array.IndexOf(lines, (byte)'\n', start);
            ReadOnlySpan<byte> line = lines.AsSpan(start, (newline < 0 ? lines.Length : newline) - start);
            corrected.Write(Encoding.ASCII.GetBytes(TensorChecksum.Format(XxHash64.HashToUInt64(line)) + " "));
            corrected.Write(line);
            corrected.WriteByte((byte)'\n');
            start += line.Length + 1;
        }

        return corrected.ToArray();
    }
}
