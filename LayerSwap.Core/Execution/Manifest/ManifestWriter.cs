using System.IO.Hashing;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using LayerSwap.Planning;

namespace LayerSwap.Execution;

/// <summary>
/// Writes the manifest, <c>layerswap.json</c>: inputs, rules, version, and checksums that cover every byte of the output, the manifest
/// included. It has no time and no host, so that the same merge writes the same manifest. The manifest of a part also has the facts of the
/// merge, with the times of the inputs.
/// </summary>
internal static class ManifestWriter
{
    public const string FileName = "layerswap.json";
    public const string Algorithm = "xxh64 over the little-endian xxh64 of each section of 262144 elements";

    private const string OwnChecksum = ",\n  \"recordXxh64\": \"", AfterOwnChecksum = "\"\n}\n";

    /// <summary>The length of the end of a manifest, which has its own checksum, in bytes.</summary>
    public static readonly int TrailerLength = MakeTrailer(0).Length;

    /// <summary>Writes a manifest.</summary>
    /// <param name="plan">The plan of the output.</param>
    /// <param name="results">The result of each tensor, in the plan's order.</param>
    /// <param name="others">All files but weights and manifest.</param>
    /// <param name="facts">The facts that a part depends on; null for a whole output.</param>
    public static byte[] Write(
        MergePlan plan, IReadOnlyList<TensorResult> results, IReadOnlyList<ManifestFile> others, IReadOnlyList<Fact>? facts = null)
    {
        PlanRequest request = plan.Request;
        JsonWriterOptions options = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, options))
        {
            json.WriteStartObject();
            json.WriteString("tool", "LayerSwap");
            json.WriteString("version", LibraryVersion.Text);
            json.WriteStartArray("inputs");
            foreach (ICheckpoint input in request.Inputs)
            {
                WriteInput(json, request, input, request.Sources.ToList().FindIndex(s => s.Checkpoint == input));
            }

            // A model may be a source more than once, each time with another weight.
            for (int i = 0; i < request.Sources.Count; i++)
            {
                if (request.Sources.ToList().FindIndex(s => s.Checkpoint == request.Sources[i].Checkpoint) != i)
                {
                    WriteInput(json, request, request.Sources[i].Checkpoint, i);
                }
            }

            json.WriteEndArray();
            json.WriteString("configFrom", request.ConfigSource.Name);
            json.WriteString("tokenizerFrom", (request.TokenizerSource ?? request.ConfigSource).Name);
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
            if (request.Format != OutputFormat.SafeTensors)
            {
                json.WriteString("format", request.Format.ToString());
            }

            json.WriteString("vocabulary", request.Vocabulary.ToString().ToLowerInvariant());
            json.WriteString("checksum", Algorithm);
            json.WriteStartArray("files");
            foreach (PlannedShard shard in plan.Shards)
            {
                json.WriteStartObject();
                json.WriteString("name", shard.File);
                json.WriteNumber("bytes", shard.Length);
                json.WriteString("headerSha256", shard.ComputeHeaderHash());
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
                Fact.WriteAll(json, facts);
            }

            json.WriteStartArray("tensors");
            for (int i = 0; i < plan.Tensors.Count; i++)
            {
                WriteTensor(json, plan.Tensors[i], results[i]);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return AppendChecksum(stream.GetBuffer().AsSpan(0, (int)stream.Length - "\n}".Length));
    }

    /// <summary>Appends the checksum of a JSON object that is not closed yet, and closes it.</summary>
    public static byte[] AppendChecksum(ReadOnlySpan<byte> unclosed) => [.. unclosed, .. MakeTrailer(XxHash64.HashToUInt64(unclosed))];

    /// <summary>Returns the end of a manifest: the checksum of all bytes before it, and the closing brace.</summary>
    public static byte[] MakeTrailer(ulong checksum) => Encoding.ASCII
        .GetBytes(OwnChecksum + TensorChecksum.Format(checksum) + AfterOwnChecksum);

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

    private static void WriteTensor(Utf8JsonWriter json, PlannedTensor tensor, TensorResult result)
    {
        json.WriteStartObject();
        json.WriteString("name", tensor.Tensor.Name);
        json.WriteString("operation", tensor.Operation.ToString().ToLowerInvariant());
        json.WriteString("strategy", tensor.Strategy);
        json.WriteString("rule", tensor.Rule);
        json.WriteString("detail", result.Detail);
        json.WriteStartArray("sources");
        foreach (string source in tensor.Sources)
        {
            json.WriteStringValue(source);
        }

        json.WriteEndArray();
        json.WriteString("xxh64", TensorChecksum.Format(result.Checksum));
        json.WriteEndObject();
    }
}

/// <summary>The entry of a file in a manifest.</summary>
/// <param name="Name">The name, relative to the output folder.</param>
/// <param name="Length">The size in bytes.</param>
/// <param name="Checksum">The XXH64 of the file; for a weight file, the SHA-256 of its header and header length.</param>
internal sealed record ManifestFile(string Name, long Length, string Checksum)
{
    public static ManifestFile Of(string name, ReadOnlySpan<byte> bytes) =>
        new(name, bytes.Length, TensorChecksum.Format(XxHash64.HashToUInt64(bytes)));
}

/// <summary>The result of a tensor: the checksum of its bytes, and a remark on how it was computed.</summary>
internal sealed record TensorResult(ulong Checksum, string Detail);

/// <summary>The version of this library, without build metadata.</summary>
internal static class LibraryVersion
{
    public static string Text { get; } = typeof(LibraryVersion).Assembly.GetName().Version?.ToString(3) ?? "0";
}
