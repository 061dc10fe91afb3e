using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LayerSwap.Cli;

/// <summary>A plan as JSON with its command line and working folder, so that it can be run elsewhere.</summary>
internal sealed record PlanFile
{
    private const string Expected = "a file of what `layerswap plan ... -o OUT --json` prints";
    private const string CommandName = "command", FolderName = "folder", ArgumentsName = "arguments";

    private static readonly string[] PlanOnlyOptions = ["--json", "--dry-run"];

    /// <summary>The file's absolute path.</summary>
    public required string Path { get; init; }

    public required string Folder { get; init; }

    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>Returns the arguments after <c>plan</c>, without options that only concern planning.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="without">Further options to leave out.</param>
    public static IEnumerable<string> GetArguments(ParseResult parsed, params IEnumerable<string> without) => parsed.Tokens
        .Where(t => t.Type switch
        {
            TokenType.Command => t.Value != "plan",
            TokenType.Option => !PlanOnlyOptions.Concat(without).Contains(t.Value, StringComparer.Ordinal),
            _ => true,
        })
        .Select(t => t.Value);

    /// <summary>Formats a plan with its command line.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="arguments">The command line that executes the plan: <see cref="GetArguments"/>.</param>
    public static string Write(MergePlan plan, IEnumerable<string> arguments)
    {
        JsonObject root = JsonNode.Parse(plan.ToJson())!.AsObject();
        root[CommandName] = new JsonObject
        {
            [FolderName] = Environment.CurrentDirectory,
            [ArgumentsName] = new JsonArray([.. arguments.Select(a => (JsonNode)a)]),
        };
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            root.WriteTo(json);
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    /// <exception cref="UsageException">The file is not a plan.</exception>
    public static PlanFile Read(string path)
    {
        // Pipes and devices have no length, and cannot be read again when the merge is planned.
        FileInfo file = new(path);
        if (!System.IO.Path.Exists(path))
        {
            throw new BadInputException($"{Printable.Escape(path)} does not exist; {Expected} is expected. Remedy: check the path.");
        }

        if ((file.ResolveLinkTarget(returnFinalTarget: true) ?? file) is not FileInfo { Exists: true, Length: > 0 })
        {
            throw NoPlan(path);
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
            JsonElement command = document.RootElement.GetProperty(CommandName);
            return new PlanFile
            {
                Path = System.IO.Path.GetFullPath(path),
                Folder = Text(command.GetProperty(FolderName)),
                Arguments = [.. command.GetProperty(ArgumentsName).EnumerateArray().Select(Text)],
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw NoPlan(path);
        }

        static string Text(JsonElement text) => text.GetString() ?? throw new JsonException();
    }

    private static UsageException NoPlan(string path) => new($"{Printable.Escape(path)} is not a plan: {Expected} is expected.");
}
