using System.Globalization;
using System.Text;
using LayerSwap.Checkpoints;
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
        card.Append("---\nlibrary_name: transformers\ntags:\n- merge\n- layerswap\n");
        string[] names = [.. request.Inputs.SelectMany(HubName.Of).Distinct(StringComparer.Ordinal)];
        if (names.Length > 0)
        {
            card.Append("base_model:\n").AppendJoin("", names.Select(n => $"- {n}\n"));
        }

        // Not the output's own name: the same merge writes the same card wherever it is written.
        string title = string.Join(" and ", request.Inputs.Select(i => LastPart(i.Name)));
        card.Append(CultureInfo.InvariantCulture, $"---\n\n# Merge of {title}\n\nMerged with LayerSwap {LibraryVersion.Text}; `{ManifestWriter.FileName}` has every detail.\n\n```text\n");
        // The same merge writes the same card, on any machine.
        string text = PlanText.Of(plan, machine: false);
        foreach (ICheckpoint model in request.Inputs.Append(request.Donor).Append(request.Tokenizer ?? request.Donor).Distinct().OrderByDescending(m => m.Name.Length))
        {
            // A path of this machine is of no use to others, and none of their business.
            text = text.Replace(Printable.Escape(model.Name), LastPart(model.Name), StringComparison.Ordinal);
        }

        card.Append(text.Replace("```", "'''", StringComparison.Ordinal)).Append("```\n");
        return Encoding.UTF8.GetBytes(card.ToString());
    }

    private static string LastPart(string name) => string.Join(" + ", PlanText.LastParts(name).Select(Printable.Escape));
}
