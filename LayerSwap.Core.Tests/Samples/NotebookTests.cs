using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;

namespace LayerSwap.Tests.Samples;

/// <summary>
/// The notebook's cells run in order, as one program, and show what stands under them. <c>LAYERSWAP_RECORD_NOTEBOOK=1</c> writes what they
/// show under them instead: after a change of the
/// pictures, look at it and commit it.
/// </summary>
[Collection("File-based apps")]
public sealed class NotebookTests
{
    private const string Attributes = "value.GetType().GetCustomAttributes(false)";
    private const string SourceType = """(Type)attribute.GetType().GetProperty("FormatterSourceType")!.GetValue(attribute)!""";
    private const string Formatters = """source.GetType().GetMethod("CreateTypeFormatters")!.Invoke(source, [])!""";
    private const string MimeType = """(string)formatter.GetType().GetProperty("MimeType")!.GetValue(formatter)!""";

    private const string Mark = "\u0002";

    /// <summary>What notebooks call display: asks the formatters of a type that says it has some, by the names that .NET Interactive goes
    /// by.</summary>
    private const string Display = $$"""

        static void display(object value)
        {
            string html = value.ToString()!, plain = html;
            object? attribute = Array.Find({{Attributes}}, a => a.GetType().Name == "TypeFormatterSourceAttribute");
            if (attribute is not null)
            {
                object source = Activator.CreateInstance({{SourceType}})!;
                foreach (object formatter in (System.Collections.Generic.IEnumerable<object>){{Formatters}})
                {
                    System.IO.StringWriter writer = new();
                    formatter.GetType().GetMethod("Format")!.Invoke(formatter, [value, writer]);
                    (html, plain) = {{MimeType}} == "text/html" ? (writer.ToString(), plain) : (html, writer.ToString());
                }
            }

            Console.Write($"\u0002{(attribute is null ? "" : html)}\u0003{plain}");
        }
        """;

    private static string Notebook => Path.Combine(Fixture.Root, "samples", "layer-swapping.ipynb");

    [Fact]
    public async Task The_notebook_output_matches_its_saved_cells()
    {
        JsonNode notebook = JsonNode.Parse(File.ReadAllText(Notebook))!;
        JsonObject[] cells = [.. notebook["cells"]!.AsArray().Select(c => c!.AsObject()).Where(c => (string)c["cell_type"]! == "code")];
        string[] shown = (await RunAsync(cells)).Split("\u0001", StringSplitOptions.None)[1..];
        Assert.Equal(cells.Length, shown.Length);
        for (int i = 0; i < cells.Length; i++)
        {
            JsonArray outputs = [.. shown[i].Split(Mark)[1..].Select(o => o.Split('\u0003')).Select(o => (JsonNode)Output(o[0], o[1]))];
            if (Environment.GetEnvironmentVariable("LAYERSWAP_RECORD_NOTEBOOK") is "1")
            {
                (cells[i]["outputs"], cells[i]["execution_count"]) = (outputs, i + 1);
            }
            else
            {
                Assert.True(JsonNode.DeepEquals(outputs, cells[i]["outputs"]),
                    $"cell {(string)cells[i]["id"]!} shows something else than stands under it; record it anew if "
                        + $"that is meant:\n{outputs.ToJsonString()[..Math.Min(2000, outputs.ToJsonString().Length)]}");
            }
        }

        if (Environment.GetEnvironmentVariable("LAYERSWAP_RECORD_NOTEBOOK") is "1")
        {
            File.WriteAllText(Notebook,
                notebook.ToJsonString(new System.Text.Json.JsonSerializerOptions
                {
                    WriteIndented = true,
                    IndentSize = 1,
                    Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping
                }) + "\n");
        }
    }

    private static JsonObject Output(string html, string plain) => new()
    {
        ["output_type"] = "display_data",
        ["data"] = html.Length == 0
            ? new JsonObject { ["text/plain"] = Lines(plain) }
            : new JsonObject { ["text/html"] = Lines(html), ["text/plain"] = Lines(plain) },
        ["metadata"] = new JsonObject(),
    };

    private static JsonArray Lines(string text) =>
        [.. text.TrimEnd('\n').Split('\n').Select((l, i) => (JsonNode)(i < text.TrimEnd('\n').Split('\n').Length - 1 ? l + "\n" : l))];

    /// <summary>Runs the cells from the notebook's own folder, the package replaced by the project.</summary>
    private static async Task<string> RunAsync(JsonObject[] cells)
    {
        using TempFolder temp = new();
        StringBuilder program = new($"#:project {Path.Combine(Fixture.Root, "LayerSwap.Core")}\n#:property PublishAot=false\n\n");
        string[][] sources = [.. cells.Select(c => string.Concat(c["source"]!.AsArray().Select(l => (string)l!)).Split('\n'))];
        program.AppendJoin('\n', sources.SelectMany(s => s).Where(IsUsing)).Append('\n');
        foreach (string[] source in sources)
        {
            program.Append("Console.Write(\"\\u0001\");\n")
                .AppendJoin('\n', source.Where(l => !IsUsing(l) && !l.StartsWith("#r ", StringComparison.Ordinal))).Append('\n');
        }

        File.WriteAllText(temp["notebook.cs"], program.Append(Display).ToString());
        return await SamplesTests.RunFileAsync(temp["notebook.cs"], Path.Combine(Fixture.Root, "samples"));
    }

    private static bool IsUsing(string line) =>
        line.StartsWith("using ", StringComparison.Ordinal) && !line.Contains('=', StringComparison.Ordinal);
}
