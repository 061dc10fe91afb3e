using System.Globalization;
using System.Text;
using LayerSwap.Checkpoints;
using LayerSwap.Common;
using LayerSwap.Reports;

namespace LayerSwap;

/// <summary>The contents of a checkpoint as text and as JSON.</summary>
public static class CheckpointReport
{
    /// <summary>The number of buffered JSON bytes before they are written.</summary>
    private const int FlushLength = 1 << 16;

    /// <summary>The largest number of lines on a page of <see cref="ToText(ICheckpoint)"/>.</summary>
    public const int PageLength = 500;

    /// <summary>
    /// Formats an aligned table: components with their kind, layers, dtypes, shapes and sizes. Only the first page if there are more than
    /// <see cref="PageLength"/> lines.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    public static string ToText(this ICheckpoint checkpoint) => ToText(checkpoint, 1);

    /// <summary>Formats one page of <see cref="ToText(ICheckpoint)"/>.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="page">The page, from 1; pages after the last have no lines.</param>
    /// <exception cref="ArgumentOutOfRangeException">The page is less than 1.</exception>
    public static string ToText(this ICheckpoint checkpoint, int page)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentOutOfRangeException.ThrowIfLessThan(page, 1);
        LayerMap map = LayerMap.Of(checkpoint);
        StringBuilder text = new();
        long bytes = checkpoint.Tensors.Sum(t => t.ByteLength), parameters = checkpoint.Tensors.Sum(t => t.ElementCount);
        text.Append(CultureInfo.InvariantCulture,
            $"{Printable.Escape(checkpoint.Name)}: {Format(checkpoint)}{Storage(checkpoint)}, {checkpoint.Files.Count} file(s), "
            + $"{checkpoint.Tensors.Count} tensors, {parameters:N0} parameters, {ByteSize.Format(bytes)}\n");
        foreach ((string stack, int layers) in map.Stacks.Take(PageLength))
        {
            string main = map.Stacks.Count > 1 && stack == map.MainStack ? " (main)" : "";
            text.Append(CultureInfo.InvariantCulture, $"  {Printable.Escape(stack)}: {layers} layers{main}\n");
        }

        if (map.Stacks.Count > PageLength)
        {
            text.Append(CultureInfo.InvariantCulture, $"  and {map.Stacks.Count - PageLength} more stacks\n");
        }

        // Lines are in the order of their first tensors; only the page's lines have sums.
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

        TextTable table = new TextTable("component", "kind", "dtype", "shape", "tensors", "size").AlignLeft(1, 2, 3);
        foreach ((Line line, int at) in lines.Where(l => l.Value >= first && l.Value < first + PageLength))
        {
            (int tensors, long size) = sums[at - first];
            table.Add(
                Printable.Escape(line.Stack is null ? line.Component : $"{line.Stack}.*.{line.Component}"),
                line.Kind.ToString().ToLowerInvariant(), line.DType.Code(), line.Shape.ToString(),
                tensors.ToString(CultureInfo.InvariantCulture), ByteSize.Format(size));
        }

        text.Append('\n').Append(table);
        int pages = (lines.Count + PageLength - 1) / PageLength;
        if (pages > 1)
        {
            text.Append(CultureInfo.InvariantCulture, $"\npage {page} of {pages}: {lines.Count} lines, {PageLength} a page\n");
        }

        return text.ToString();
    }

    /// <summary>
    /// Formats one JSON object: <c>{path, format, tensors: [{name, dtype, shape, bytes, file, stack, layer, component, kind}], layers,
    /// parameters, bytes, metadata}</c>.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    public static string ToJson(this ICheckpoint checkpoint)
    {
        using MemoryStream stream = new();
        WriteJson(checkpoint, stream);
        return Encoding.UTF8.GetString(stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }

    /// <summary>Streams <see cref="ToJson"/> as UTF-8: the JSON of very many tensors is longer than a string can be.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="stream">The target.</param>
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

    /// <summary>Names the quantization and the adapter type, if there are any.</summary>
    private static string Storage(ICheckpoint checkpoint)
    {
        StorageScheme scheme = StorageScheme.Detect(checkpoint);
        return (scheme.Quantization is null ? "" : $", quantised ({scheme.Quantization})")
            + (scheme.Adapter is null ? "" : $", an adapter ({scheme.Adapter}), not a model");
    }

    private static string Format(ICheckpoint checkpoint) => checkpoint.Files.Count switch
    {
        0 => "memory",
        1 => "safetensors",
        _ => "sharded safetensors",
    };

    private readonly record struct Line(string? Stack, string Component, TensorKind Kind, DType DType, TensorShape Shape);
}
