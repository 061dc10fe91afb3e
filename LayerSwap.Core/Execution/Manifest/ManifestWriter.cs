using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using LayerSwap.Numerics;
using LayerSwap.Planning;

namespace LayerSwap.Execution;

/// <summary>
/// The record beside the weights, <c>layerswap.json</c>: from what, by which rules and which version the model was made, a checksum of every tensor and of every other file, and its own. It covers
/// every byte of the output. It holds no time and no host, so that the same merge writes the same record; that of a part, which is no output, holds the times of the inputs too.
/// </summary>
internal static class ManifestWriter
{
    public const string FileName = "layerswap.json";
    public const string Algorithm = "xxh64 over the little-endian xxh64 of each section of 262144 elements";

    private const string OwnChecksum = ",\n  \"recordXxh64\": \"", AfterOwnChecksum = "\"\n}\n";

    /// <summary>The bytes of a record's end.</summary>
    public static readonly int SealLength = SealOf(0).Length;

    /// <param name="plan">The plan.</param>
    /// <param name="made">The checksum of each tensor, and what was found out in working it.</param>
    /// <param name="others">Every other file of the output.</param>
    /// <param name="facts">What a part depends on; null for a whole output.</param>
    public static byte[] Write(MergePlan plan, IReadOnlyList<TensorResult> made, IReadOnlyList<ManifestFile> others, IReadOnlyList<Fact>? facts = null)
    {
        PlanRequest request = plan.Request;
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("tool", "LayerSwap");
            json.WriteString("version", LibraryVersion.Text);
            json.WriteStartArray("inputs");
            foreach (ICheckpoint input in request.Inputs)
            {
                WriteInput(json, request, input, request.Sources.ToList().FindIndex(s => s.Checkpoint == input));
            }

            // A model that is a source twice has a weight each time.
            for (int i = 0; i < request.Sources.Count; i++)
            {
                if (request.Sources.ToList().FindIndex(s => s.Checkpoint == request.Sources[i].Checkpoint) != i)
                {
                    WriteInput(json, request, request.Sources[i].Checkpoint, i);
                }
            }

            json.WriteEndArray();
            json.WriteString("configFrom", request.Donor.Name);
            json.WriteString("tokenizerFrom", (request.Tokenizer ?? request.Donor).Name);
            json.WriteStartArray("rules");
            foreach (PlanRule rule in request.Rules)
            {
                json.WriteStartObject();
                json.WriteString("selector", rule.Text);
                json.WriteString("strategy", rule.Strategy.Name);
                json.WriteString("settings", rule.Strategy.Settings);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteString("dtype", request.DType?.Code() ?? "as the inputs");
            json.WriteNumber("seed", request.Seed);
            json.WriteNumber("shardSize", request.ShardSize);
            json.WriteString("vocabulary", request.Vocabulary.ToString().ToLowerInvariant());
            json.WriteString("checksum", Algorithm);
            json.WriteStartArray("files");
            foreach (PlannedShard shard in plan.Shards)
            {
                json.WriteStartObject();
                json.WriteString("name", shard.File);
                json.WriteNumber("bytes", shard.Length);
                json.WriteString("headerSha256", Convert.ToHexStringLower(SHA256.HashData(shard.Header)));
                json.WriteEndObject();
            }

            foreach (ManifestFile other in others)
            {
                json.WriteStartObject();
                json.WriteString("name", other.Name);
                json.WriteNumber("bytes", other.Length);
                json.WriteString("xxh64", other.Checksum);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            if (facts is not null)
            {
                json.WriteStartArray("facts");
                foreach ((string name, string value) in facts)
                {
                    json.WriteStartArray();
                    json.WriteStringValue(name);
                    json.WriteStringValue(value);
                    json.WriteEndArray();
                }

                json.WriteEndArray();
            }

            json.WriteStartArray("tensors");
            for (int i = 0; i < plan.Tensors.Count; i++)
            {
                WriteTensor(json, plan.Tensors[i], made[i]);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Seal(stream.GetBuffer().AsSpan(0, (int)stream.Length - "\n}".Length));
    }

    /// <summary>Ends a record, an object that is not closed yet, with the checksum of all that stands before it.</summary>
    public static byte[] Seal(ReadOnlySpan<byte> unclosed) => [.. unclosed, .. SealOf(XxHash64.HashToUInt64(unclosed))];

    /// <summary>The end of a record whose bytes before it have a checksum.</summary>
    public static byte[] SealOf(ulong checksum) => Encoding.ASCII.GetBytes(OwnChecksum + TensorChecksum.Text(checksum) + AfterOwnChecksum);

    private static void WriteInput(Utf8JsonWriter json, PlanRequest request, ICheckpoint input, int source)
    {
        json.WriteStartObject();
        json.WriteString("name", input.Name);
        json.WriteBoolean("base", input == request.Base);
        if (source >= 0)
        {
            json.WriteNumber("source", source);
            json.WriteString("weight", request.Sources[source].Weight.ToString());
        }

        json.WriteStartArray("files");
        foreach (CheckpointFile file in input.Files)
        {
            json.WriteStartObject();
            json.WriteString("path", file.Path);
            json.WriteNumber("bytes", file.Length);
            json.WriteString("headerSha256", file.HeaderHash);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteTensor(Utf8JsonWriter json, PlannedTensor tensor, TensorResult made)
    {
        json.WriteStartObject();
        json.WriteString("name", tensor.Tensor.Name);
        json.WriteString("operation", tensor.Operation.ToString().ToLowerInvariant());
        json.WriteString("strategy", tensor.Strategy);
        json.WriteString("rule", tensor.Rule);
        json.WriteString("detail", made.Detail);
        json.WriteStartArray("sources");
        foreach (string source in tensor.Sources)
        {
            json.WriteStringValue(source);
        }

        json.WriteEndArray();
        json.WriteString("xxh64", TensorChecksum.Text(made.Checksum));
        json.WriteEndObject();
    }
}

/// <summary>A file of an output as the record has it.</summary>
/// <param name="Name">Its name, relative to the output's folder.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Checksum">XXH64 of the file; of a weight file, whose tensors have checksums of their own, SHA-256 of its header with the length before it.</param>
internal sealed record ManifestFile(string Name, long Length, string Checksum)
{
    public static ManifestFile Of(string name, ReadOnlySpan<byte> bytes) => new(name, bytes.Length, TensorChecksum.Text(XxHash64.HashToUInt64(bytes)));
}

/// <summary>What was made of a tensor: the checksum of its bytes, and what was found out in working it.</summary>
internal sealed record TensorResult(ulong Checksum, string Detail);

/// <summary>The version of this library, without what the build appends.</summary>
internal static class LibraryVersion
{
    public static string Text { get; } = typeof(LibraryVersion).Assembly.GetName().Version?.ToString(3) ?? "0";
}
