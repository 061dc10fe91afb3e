using System.Globalization;
using LayerSwap.Benchmarks.Synthetic;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Scale;

/// <summary>The rows, each at a limit: the longest header, the largest model, throughput by model size, the longest tensor.</summary>
internal static class ScaleRows
{
    private const int Shards = 163;
    private const long LongTensor = (1L << 31) + 1000;

    /// <summary>Without sync and read-back, to measure the merge and not the disk.</summary>
    private static readonly SaveOptions Fast = new() { Durable = false };

    public static IReadOnlyList<ScaleRow> All { get; } =
    [
        Header("names in order", "header-sorted", 1_438_300, i => i.ToString("D7", CultureInfo.InvariantCulture)),
        Header("names as Python sorts them", "header", 1_454_000, i => i.ToString(CultureInfo.InvariantCulture)),
        .. LargestModel(),
        Linear(100.MB()),
        Linear(1.GB()),
        Linear(4.GB()),
        Linear(20.GB()) with { Large = true },
        LongestTensor(DType.Float8E4M3),
        LongestTensor(DType.BFloat16),
    ];

    /// <summary>Creates a row with the maximum number of tensors of a header.</summary>
    private static ScaleRow Header(string names, string input, int tensors, Func<int, string> digits) => new()
    {
        Name = $"header of 1.4 million tensors (99.9 MB), {names}",
        Input = new(input, folder =>
        {
            TensorShape shape = new(1);
            SparseCheckpoint.Write(folder, Enumerable.Range(0, tensors).Select(i => new TensorInfo("w" + digits(i), DType.UInt8, shape)));
            return Task.CompletedTask;
        }),
        Run = (folder, _) =>
        {
            using ICheckpoint checkpoint = Checkpoint.Open(folder);
            Require(checkpoint.Tensors.Count == tensors, "The header has the wrong number of tensors.");
            return Task.FromResult(new ScaleWork());
        },
        MaxSeconds = 1.5,
        MaxMemory = 700.MB(),
    };

    private static IEnumerable<ScaleRow> LargestModel()
    {
        ScaleInput input = new("largest", async folder =>
        {
            TensorInfo[] tensors = [.. DeepSeekShape.Tensors()];
            foreach (string model in (string[])["math", "swahili"])
            {
                string path = Path.Combine(folder, model);
                // Shards end before the tensor that would exceed the size, so add one expert matrix to each.
                SparseCheckpoint.Write(path, tensors, (tensors.Sum(t => t.ByteLength) / Shards) + 30.MB());
                await File.WriteAllTextAsync(Path.Combine(path, "config.json"), DeepSeekShape.Config);
            }
        });
        const string name = "a model of 1.37 TB";
        yield return new ScaleRow
        {
            Name = $"{name}, inspected",
            Input = input,
            Run = (folder, _) =>
            {
                using ICheckpoint model = Checkpoint.Open(Path.Combine(folder, "math"));
                bool isExpected = model.ToText().Contains("1.37 TB", StringComparison.Ordinal) && model.Files.Count == Shards;
                Require(isExpected, "The model has another size or number of files.");
                return Task.FromResult(new ScaleWork());
            },
        };
        yield return new ScaleRow
        {
            Name = $"{name}, layer swap planned",
            Input = input,
            Run = (folder, _) =>
            {
                using ICheckpoint math = Checkpoint.Open(Path.Combine(folder, "math"));
                using ICheckpoint swahili = Checkpoint.Open(Path.Combine(folder, "swahili"));
                string plan = Merge.LayerSwap(math, swahili).Plan().ToString();
                Require(plan.Contains("1.37 TB", StringComparison.Ordinal), "The plan has another size.");
                return Task.FromResult(new ScaleWork());
            },
        };
        yield return new ScaleRow
        {
            Name = $"{name}, first shard of linear of 2",
            Input = input,
            Run = async (folder, output) =>
            {
                using ICheckpoint math = Checkpoint.Open(Path.Combine(folder, "math"));
                using ICheckpoint swahili = Checkpoint.Open(Path.Combine(folder, "swahili"));
                MergePlan plan = Merge.Soup(math, swahili).Plan();
                MergeResult shard = await plan.ExecutePartAsync(Path.Combine(output, "out"), MergePart.Of(1, plan.Files.Count), Fast);
                Require(shard.Bytes == plan.Shards[0].Length, "The shard has another size than in the plan.");
                return new ScaleWork { Traffic = 3 * shard.Bytes, PlannedMemory = plan.PeakMemoryBytes };
            },
        };
    }

    private static ScaleRow Linear(long size) => new()
    {
        Name = $"linear of 2, {ByteSize.Format(size)} each",
        Input = new($"linear-{size}", async folder =>
        {
            LlamaShape shape = LlamaShape.OfSize(size);
            for (int i = 0; i < 2; i++)
            {
                GeneratedModel model = new("generated", shape, i + 1, _ => 0.001);
                await Merge.Onto(model).SaveAsync(Path.Combine(folder, Model(i)));
            }
        }),
        // A small merge first: JIT compilation takes as long as merging 100 MB.
        Warm = output =>
        {
            GeneratedModel[] small = [.. Enumerable.Range(1, 2).Select(i => new GeneratedModel("small", new LlamaShape(), i, _ => 0.001))];
            return Merge.Soup(small).SaveAsync(Path.Combine(output, "small"), Fast);
        },
        Run = async (folder, output) =>
        {
            using ICheckpoint first = Checkpoint.Open(Path.Combine(folder, Model(0)));
            using ICheckpoint second = Checkpoint.Open(Path.Combine(folder, Model(1)));
            return ScaleWork.Of((await Merge.Soup(first, second).SaveAsync(Path.Combine(output, "out"), Fast)).Plan);
        },
    };

    private static ScaleRow LongestTensor(DType dtype)
    {
        int width = dtype.Bits() / 8;
        // The first element, those around the largest int, and the last.
        long[] marked = [0, int.MaxValue, 1L << 31, LongTensor - 1];
        return new ScaleRow
        {
            Name = $"linear of 2, a tensor of 2^31 + 1000 elements of {dtype.Code()}",
            Input = new($"tensor-{dtype.Code()}", folder =>
            {
                for (int i = 0; i < 2; i++)
                {
                    string model = Path.Combine(folder, Model(i));
                    long[] beforeEnd = [.. marked.Select(p => (LongTensor - p) * width)];
                    SparseCheckpoint.Write(model, [new TensorInfo("w", dtype, new TensorShape(LongTensor))]);
                    SparseCheckpoint.Fill(Path.Combine(model, "model.safetensors"), Encode(dtype, i + 1), beforeEnd);
                }

                return Task.CompletedTask;
            }),
            Run = async (folder, output) =>
            {
                using ICheckpoint first = Checkpoint.Open(Path.Combine(folder, Model(0)));
                using ICheckpoint second = Checkpoint.Open(Path.Combine(folder, Model(1)));
                MergeResult merged = await Merge.Soup(first, second).SaveAsync(Path.Combine(output, "out"), Fast);
                using ICheckpoint result = Checkpoint.Open(merged.Path);
                foreach (long index in marked.Concat([1, LongTensor - 2]))
                {
                    byte[] found = new byte[width], expected = Encode(dtype, marked.Contains(index) ? 1.5f : 0);
                    result.Read("w", index * width, found);
                    Require(found.AsSpan().SequenceEqual(expected), $"Element {index} has the wrong value.");
                }

                return ScaleWork.Of(merged.Plan);
            },
        };
    }

    private static string Model(int index) => index == 0 ? "math" : "swahili";

    private static byte[] Encode(DType dtype, float value)
    {
        byte[] bytes = new byte[dtype.Bits() / 8];
        ElementCodec.Narrow(dtype, [value], bytes);
        return bytes;
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new InvalidOperationException(message);
        }
    }
}
