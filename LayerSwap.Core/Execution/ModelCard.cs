using System.Globalization;
using System.Text;
using System.Text.Json;
using LayerSwap.Planning;

namespace LayerSwap.Execution;

/// <summary>The README.md of a merged model: what it was made of and how, with the front matter that model hubs read.</summary>
internal static class ModelCard
{
    public const string FileName = "README.md";

    public static byte[] Write(MergePlan plan)
    {
        PlanRequest request = plan.Request;
        StringBuilder card = new();
        card.Append("---\nlibrary_name: transformers\ntags:\n- merge\n- layerswap\nbase_model:\n");
        foreach (ICheckpoint input in request.Inputs)
        {
            // A JSON string is a YAML string, whatever the path holds.
            card.Append("- \"").Append(JsonEncodedText.Encode(input.Name)).Append("\"\n");
        }

        // Not the output's own name: the same merge writes the same card wherever it is written.
        string title = string.Join(" and ", request.Inputs.Select(i => Printable.Escape(Path.GetFileName(Path.TrimEndingDirectorySeparator(i.Name)) is { Length: > 0 } last ? last : i.Name)));
        card.Append(CultureInfo.InvariantCulture, $"---\n\n# Merge of {title}\n\nMerged with LayerSwap {LibraryVersion.Text}; `{MergeRecord.FileName}` has every detail.\n\n```text\n");
        // The same merge writes the same card, on any machine.
        card.Append(PlanText.Of(plan, machine: false).Replace("```", "'''", StringComparison.Ordinal)).Append("```\n");
        return Encoding.UTF8.GetBytes(card.ToString());
    }
}
