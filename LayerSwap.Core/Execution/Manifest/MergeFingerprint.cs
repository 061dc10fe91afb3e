using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using LayerSwap.Checkpoints;
using LayerSwap.IO;
using LayerSwap.Planning;

namespace LayerSwap.Execution;

/// <summary>A named value that the bytes of an output depend on.</summary>
internal sealed record Fact(string Name, string Value)
{
    /// <summary>The JSON property of a list of facts.</summary>
    public const string Property = "facts";

    /// <summary>Writes facts as the property <see cref="Property"/>: an array of pairs of a name and a value.</summary>
    public static void WriteAll(Utf8JsonWriter json, IEnumerable<Fact> facts)
    {
        json.WriteStartArray(Property);
        foreach ((string name, string value) in facts)
        {
            json.WriteStartArray();
            json.WriteStringValue(name);
            json.WriteStringValue(value);
            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    /// <summary>Reads what <see cref="WriteAll"/> wrote.</summary>
    public static IEnumerable<Fact> ReadAll(JsonElement facts) =>
        facts.EnumerateArray().Select(f => new Fact(f[0].GetString()!, f[1].GetString()!));
}

/// <summary>Everything that the bytes of an output depend on, as named facts. A run is resumed only if all facts are equal.</summary>
internal static class MergeFingerprint
{
    private const string FileFact = "file ", TimesFact = "written ";

    public static IReadOnlyList<Fact> Of(MergePlan plan)
    {
        PlanRequest request = plan.Request;
        List<Fact> facts =
        [
            new("version", LibraryVersion.Text),
            new("seed", request.Seed.ToString(CultureInfo.InvariantCulture)),
            new("dtype", request.DType?.Code() ?? "as the inputs"),
            new("shard size", request.ShardSize.ToString(CultureInfo.InvariantCulture)),
            new("vocabulary", request.Vocabulary.ToString()),
            new("configuration from", request.ConfigSource.Name),
        ];
        if (request.Format != OutputFormat.SafeTensors)
        {
            facts.Add(new("format", request.Format.ToString()));
        }

        if (request.TokenizerSource is { } tokenizer)
        {
            facts.Add(new("tokenizer from", tokenizer.Name));
        }

        foreach ((string name, byte[]? bytes) in request.ReplacedFiles)
        {
            facts.Add(new($"beside {name}", bytes is null ? "left out" : TensorChecksum.Format(XxHash64.HashToUInt64(bytes))));
        }

        for (int i = 0; i < request.Rules.Count; i++)
        {
            facts.Add(new($"rule {i}", $"{request.Rules[i].Text}: {request.Rules[i].Strategy.Name} {request.Rules[i].Strategy.Settings}"));
        }

        for (int i = 0; i < request.Sources.Count; i++)
        {
            facts.Add(new($"source {i}", $"{request.Sources[i].Checkpoint.Name} with weight {request.Sources[i].Weight}"));
        }

        foreach (ICheckpoint input in request.Inputs)
        {
            foreach (CheckpointFile file in input.Files)
            {
                string content = string.Create(CultureInfo.InvariantCulture, $"{file.Length} bytes, header {file.HeaderHash}");
                facts.Add(new(FileFact + RealPath.Resolve(file.Path), $"{content}, {Times(file.Identity)}"));
            }
        }

        foreach (WatchedFolder folder in plan.WatchedFolders)
        {
            foreach ((string name, FileIdentity identity) in folder.Files.OrderBy(f => f.Key, StringComparer.Ordinal))
            {
                string length = string.Create(CultureInfo.InvariantCulture, $"{identity.Length} bytes");
                facts.Add(new(FileFact + Path.Combine(folder.Folder, name), $"{length}, {Times(identity)}"));
            }
        }

        facts.Add(new("the plan of tensors", Digest(plan)));
        // Several inputs may be views of one model, with the same files.
        return [.. facts.Distinct()];
    }

    /// <summary>Describes the differences between the facts of two runs; null if there are none.</summary>
    public static string? DescribeDifferences(IEnumerable<Fact> first, IEnumerable<Fact> second)
    {
        Dictionary<string, string> before = first.ToDictionary(f => f.Name, f => f.Value, StringComparer.Ordinal);
        Dictionary<string, string> now = second.ToDictionary(f => f.Name, f => f.Value, StringComparer.Ordinal);
        string[] differences =
        [
            .. before.Where(f => now.GetValueOrDefault(f.Key) != f.Value)
                .Select(f => DescribeChange(f.Key, f.Value, now.GetValueOrDefault(f.Key) ?? "absent")),
            .. now.Where(f => !before.ContainsKey(f.Key))
                .Select(f => $"{Printable.Escape(f.Key)} is {Printable.Escape(f.Value)} and was absent"),
        ];
        if (differences.Length == 0)
        {
            return null;
        }

        string more = differences.Length > 3 ? $"; and {differences.Length - 3} more differences" : "";
        return string.Join("; ", differences.Take(3)) + more;

        static string DescribeChange(string name, string before, string now) =>
            $"{Printable.Escape(name)} was {Printable.Escape(before)} and is {Printable.Escape(now)} now";
    }

    /// <summary>Checks whether facts differ at most in the times of input files. The contents may be the same then.</summary>
    public static bool DifferInTimesOnly(IEnumerable<Fact> first, IEnumerable<Fact> second)
    {
        return DescribeDifferences(first.Select(WithoutTimes), second.Select(WithoutTimes)) is null;

        static Fact WithoutTimes(Fact fact) =>
            fact.Name.StartsWith(FileFact, StringComparison.Ordinal)
            && fact.Value.IndexOf(TimesFact, StringComparison.Ordinal) is >= 0 and int index
                ? fact with { Value = fact.Value[..index] }
                : fact;
    }

    /// <summary>Hashes all facts to eight hexadecimal digits, to distinguish computed checkpoints of the same models.</summary>
    public static string ShortHash(MergePlan plan)
    {
        string facts = string.Join('\n', Of(plan).Select(f => $"{f.Name}\t{f.Value}"));
        return TensorChecksum.Format(XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(facts)))[..8];
    }

    private static string Times(FileIdentity? identity) => $"{TimesFact}{identity?.Modified}, changed {identity?.Changed}";

    private static string Digest(MergePlan plan)
    {
        XxHash64 hash = new();
        StringBuilder text = new();
        foreach (PlannedTensor tensor in plan.Tensors)
        {
            text.Clear()
                .Append(CultureInfo.InvariantCulture, $"{tensor.Tensor.Name}\n{tensor.Tensor.DType}\n{tensor.Tensor.Shape}\n")
                .Append(CultureInfo.InvariantCulture, $"{tensor.Operation}\n{tensor.Strategy}\n{tensor.Detail}\n")
                .AppendJoin('\n', tensor.Sources)
                .Append(CultureInfo.InvariantCulture, $"\n{tensor.File}\n{tensor.Offset}\n");
            foreach (ReadOnlyMemory<char> chunk in text.GetChunks())
            {
                hash.Append(MemoryMarshal.AsBytes(chunk.Span));
            }
        }

        return hash.GetCurrentHashAsUInt64().ToString("x16", CultureInfo.InvariantCulture);
    }
}
