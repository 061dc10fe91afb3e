using System.Text.Encodings.Web;
using System.Text.Json;

namespace LayerSwap.Checkpoints.Sharding;

/// <summary>Writes an index as Hugging Face does: sorted, indented by 2, with <c>total_size</c> in bytes of data.</summary>
internal static class ShardIndexWriter
{
    public static byte[] Write(IEnumerable<KeyValuePair<string, string>> map, long totalSize)
    {
        JsonWriterOptions options = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, options))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_size", totalSize);
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            foreach ((string tensor, string file) in map.OrderBy(m => m.Key, StringComparer.Ordinal))
            {
                json.WriteString(tensor, file);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }
}
