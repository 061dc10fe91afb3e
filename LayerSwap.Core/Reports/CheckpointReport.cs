using System.Globalization;
using System.Text;
using LayerSwap.Reports;
using LayerSwap.Tensors;

namespace LayerSwap;

/// <summary>What is in a checkpoint, as text and as JSON.</summary>
public static class CheckpointReport
{
    /// <summary>An aligned table: components with their kind, layers, dtypes, shapes and sizes.</summary>
    public static string ToText(this ICheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        LayerMap map = LayerMap.Of(checkpoint.Tensors);
        StringBuilder text = new();
        long bytes = checkpoint.Tensors.Sum(t => t.ByteLength), parameters = checkpoint.Tensors.Sum(t => t.ElementCount);
        text.Append(CultureInfo.InvariantCulture, $"{Printable.Escape(checkpoint.Name)}: {Format(checkpoint)}, {checkpoint.Files.Count} file(s), {checkpoint.Tensors.Count} tensors, {parameters:N0} parameters, {ByteSize.Format(bytes)}\n");
        foreach ((string stack, int layers) in map.Stacks)
        {
            text.Append(CultureInfo.InvariantCulture, $"  {Printable.Escape(stack)}: {layers} layers{(map.Stacks.Count > 1 && stack == map.MainStack ? " (main)" : "")}\n");
        }

        TextTable table = new TextTable("component", "kind", "dtype", "shape", "tensors", "size").Left(1, 2, 3);
        foreach (var group in checkpoint.Tensors.GroupBy(t => (map[t.Name].Stack, map[t.Name].Component, map[t.Name].Kind, t.DType, t.Shape)))
        {
            string component = group.Key.Stack is null ? group.Key.Component : $"{group.Key.Stack}.*.{group.Key.Component}";
            table.Add(Printable.Escape(component), group.Key.Kind.ToString().ToLowerInvariant(), group.Key.DType.Code(), group.Key.Shape.ToString(),
                group.Count().ToString(CultureInfo.InvariantCulture), ByteSize.Format(group.Sum(t => t.ByteLength)));
        }

        return text.Append('\n').Append(table).ToString();
    }

    /// <summary>One JSON object: <c>{path, format, tensors: [{name, dtype, shape, bytes, file, stack, layer, component, kind}], layers, parameters, bytes, metadata}</c>.</summary>
    public static string ToJson(this ICheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        LayerMap map = LayerMap.Of(checkpoint.Tensors);
        return JsonReport.Write(json =>
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

    private static string Format(ICheckpoint checkpoint) => checkpoint.Files.Count switch
    {
        0 => "memory",
        1 => "safetensors",
        _ => "sharded safetensors",
    };
}
