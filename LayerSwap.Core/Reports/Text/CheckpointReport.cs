using System.Globalization;
using System.Text;
using LayerSwap.Checkpoints;
using LayerSwap.Common;
using LayerSwap.LayerMaps;
using LayerSwap.Reports;

namespace LayerSwap;

/// <summary>What is in a checkpoint, as text and as JSON.</summary>
public static class CheckpointReport
{
    /// <summary>The bytes of JSON that are held before they are written.</summary>
    private const int FlushLength = 1 << 16;

    /// <summary>The most lines that a page of <see cref="ToText(ICheckpoint)"/> has.</summary>
    public const int PageLength = 500;

    /// <summary>An aligned table: components with their kind, layers, dtypes, shapes and sizes. Of more than <see cref="PageLength"/> lines the first, and how many there are.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    public static string ToText(this ICheckpoint checkpoint) => ToText(checkpoint, 1);

    /// <summary>One page of <see cref="ToText(ICheckpoint)"/>.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="page">Which page, from 1; past the last there are no lines.</param>
    /// <exception cref="ArgumentOutOfRangeException">The page is less than 1.</exception>
    public static string ToText(this ICheckpoint checkpoint, int page)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentOutOfRangeException.ThrowIfLessThan(page, 1);
        LayerMap map = LayerMap.Of(checkpoint);
        StringBuilder text = new();
        long bytes = checkpoint.Tensors.Sum(t => t.ByteLength), parameters = checkpoint.Tensors.Sum(t => t.ElementCount);
        text.Append(CultureInfo.InvariantCulture, $"{Printable.Escape(checkpoint.Name)}: {Format(checkpoint)}{Stored(checkpoint)}, {checkpoint.Files.Count} file(s), {checkpoint.Tensors.Count} tensors, {parameters:N0} parameters, {ByteSize.Format(bytes)}\n");
        foreach ((string stack, int layers) in map.Stacks.Take(PageLength))
        {
            text.Append(CultureInfo.InvariantCulture, $"  {Printable.Escape(stack)}: {layers} layers{(map.Stacks.Count > 1 && stack == map.MainStack ? " (main)" : "")}\n");
        }

        if (map.Stacks.Count > PageLength)
        {
            text.Append(CultureInfo.InvariantCulture, $"  and {map.Stacks.Count - PageLength} more stacks\n");
        }

        // Lines in the order of their first tensors; only those of the page are counted up.
        Dictionary<Line, int> lines = [];
        (int Tensors, long Bytes)[] sums = new (int, long)[PageLength];
        long first = (page - 1L) * PageLength;
        foreach (TensorInfo tensor in checkpoint.Tensors)
        {
            TensorPlace place = map[tensor.Name];
            Line line = new(place.Stack, place.Component, place.Kind, tensor.DType, tensor.Shape);
            if (!lines.TryGetValue(line, out int at))
            {
                lines.Add(line, at = lines.Count);
            }

            if (at >= first && at < first + PageLength)
            {
                ref (int Tensors, long Bytes) sum = ref sums[at - first];
                sum = (sum.Tensors + 1, sum.Bytes + tensor.ByteLength);
            }
        }

        TextTable table = new TextTable("component", "kind", "dtype", "shape", "tensors", "size").Left(1, 2, 3);
        foreach ((Line line, int at) in lines.Where(l => l.Value >= first && l.Value < first + PageLength))
        {
            table.Add(Printable.Escape(line.Stack is null ? line.Component : $"{line.Stack}.*.{line.Component}"), line.Kind.ToString().ToLowerInvariant(), line.DType.Code(), line.Shape.ToString(),
                sums[at - first].Tensors.ToString(CultureInfo.InvariantCulture), ByteSize.Format(sums[at - first].Bytes));
        }

        text.Append('\n').Append(table);
        int pages = (lines.Count + PageLength - 1) / PageLength;
        return (pages > 1 ? text.Append(CultureInfo.InvariantCulture, $"\npage {page} of {pages}: {lines.Count} lines, {PageLength} a page\n") : text).ToString();
    }

    /// <summary>One JSON object: <c>{path, format, tensors: [{name, dtype, shape, bytes, file, stack, layer, component, kind}], layers, parameters, bytes, metadata}</c>.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    public static string ToJson(this ICheckpoint checkpoint)
    {
        using MemoryStream stream = new();
        WriteJson(checkpoint, stream);
        return Encoding.UTF8.GetString(stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }

    /// <summary>Writes <see cref="ToJson"/> as UTF-8, a piece at a time: of checkpoints with very many tensors it is longer than a string can be.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="stream">Where to.</param>
    /// <exception cref="IOException">The stream could not be written.</exception>
    public static void WriteJson(this ICheckpoint checkpoint, Stream stream)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(stream);
        LayerMap map = LayerMap.Of(checkpoint);
        JsonReport.Write(stream, json =>
        {
            json.WriteString("path", checkpoint.Name);
            json.WriteString("format", Format(checkpoint));
            json.Array("tensors", checkpoint.Tensors, tensor =>
            {
                TensorPlace place = map[tensor.Name];
                json.WriteString("name", tensor.Name);
                json.WriteString("dtype", tensor.DType.Code());
                json.Shape(tensor.Shape);
                json.WriteNumber("bytes", tensor.ByteLength);
                json.WriteString("file", Path.GetFileName(checkpoint.FileOf(tensor.Name)));
                json.WriteString("stack", place.Stack);
                json.Number("layer", place.Layer);
                json.WriteString("component", place.Component);
                json.WriteString("kind", place.Kind.ToString().ToLowerInvariant());
                if (json.BytesPending > FlushLength)
                {
                    json.Flush();
                }
            });
            json.WriteNumber("layers", map.LayerCount);
            json.WriteNumber("parameters", checkpoint.Tensors.Sum(t => t.ElementCount));
            json.WriteNumber("bytes", checkpoint.Tensors.Sum(t => t.ByteLength));
            json.WriteStartObject("metadata");
            foreach ((string key, string value) in checkpoint.Metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
        });
    }

    /// <summary>How the weights are stored, where it is not as they are.</summary>
    private static string Stored(ICheckpoint checkpoint)
    {
        StorageScheme scheme = StorageScheme.Of(checkpoint);
        return (scheme.Quantization is null ? "" : $", quantised ({scheme.Quantization})") + (scheme.Adapter is null ? "" : $", an adapter ({scheme.Adapter}), not a model");
    }

    private static string Format(ICheckpoint checkpoint) => checkpoint.Files.Count switch
    {
        0 => "memory",
        1 => "safetensors",
        _ => "sharded safetensors",
    };

    private readonly record struct Line(string? Stack, string Component, TensorKind Kind, DType DType, TensorShape Shape);
}
