using System.Globalization;
using System.Text;
using System.Text.Json;
using LayerSwap.Planning;

namespace LayerSwap.Execution;

/// <summary>The README.md of a merged model: what it was made of and how, with the front matter that model hubs read.</summary>
internal static class ModelCard
{
    public const string FileName = "README.md";

    public static byte[] Write(MergePlan plan, string name)
    {
        PlanRequest request = plan.Request;
        StringBuilder card = new();
        card.Append("---\nlibrary_name: transformers\ntags:\n- merge\n- layerswap\nbase_model:\n");
        foreach (ICheckpoint input in request.Inputs)
        {
            // A JSON string is a YAML string, whatever the path holds.
            card.Append("- \"").Append(JsonEncodedText.Encode(input.Name)).Append("\"\n");
        }

        card.Append(CultureInfo.InvariantCulture, $"---\n\n# {Printable.Escape(name)}\n\nMerged with LayerSwap {LibraryVersion.Text}; `{MergeRecord.FileName}` has every detail.\n\n```text\n");
        // The same merge writes the same card, on any machine.
        card.Append(PlanText.Of(plan, machine: false).Replace("```", "'''", StringComparison.Ordinal)).Append("```\n");
        return Encoding.UTF8.GetBytes(card.ToString());
    }
}
