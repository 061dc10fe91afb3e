using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LayerSwap.Cli;

/// <summary>A plan as JSON that can be run elsewhere: with the command that it is the plan of, and the folder that its paths are relative to.</summary>
internal sealed record PlanFile
{
    private const string CommandName = "command", FolderName = "folder", ArgumentsName = "arguments";

    private static readonly string[] OfPlanning = ["plan", "--json", "--dry-run"];

    /// <summary>The file's absolute path.</summary>
    public required string Path { get; init; }

    public required string Folder { get; init; }

    public required IReadOnlyList<string> Arguments { get; init; }

    /// <param name="plan">The plan.</param>
    /// <param name="typed">The arguments of the plan command.</param>
    public static string Write(MergePlan plan, IEnumerable<string> typed)
    {
        JsonObject root = JsonNode.Parse(plan.ToJson())!.AsObject();
        root[CommandName] = new JsonObject
        {
            [FolderName] = Environment.CurrentDirectory,
            [ArgumentsName] = new JsonArray([.. typed.Where(a => !OfPlanning.Contains(a, StringComparer.Ordinal)).Select(a => (JsonNode)a)]),
        };
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            root.WriteTo(json);
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    /// <exception cref="UsageException">It is no such file.</exception>
    public static PlanFile Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
            JsonElement command = document.RootElement.GetProperty(CommandName);
            return new PlanFile
            {
                Path = System.IO.Path.GetFullPath(path),
                Folder = command.GetProperty(FolderName).GetString()!,
                Arguments = [.. command.GetProperty(ArgumentsName).EnumerateArray().Select(a => a.GetString()!)],
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new UsageException($"{Printable.Escape(path)} is not a plan: what `layerswap plan ... -o OUT --json` prints is expected.");
        }
    }
}
