using System.Globalization;
using System.Text;
using LayerSwap.Checkpoints;
using LayerSwap.Planning;

namespace LayerSwap.Execution;

/// <summary>The README.md of a merged model: its inputs and methods, with the front matter that model hubs read.</summary>
internal static class ModelCard
{
    public const string FileName = "README.md";

    public static byte[] Write(MergePlan plan)
    {
        PlanRequest request = plan.Request;
        StringBuilder card = new();
        card.Append("---\nlibrary_name: transformers\ntags:\n- merge\n- layerswap\n");
        string[] names = [.. request.Inputs.SelectMany(HubName.FindNames).Distinct(StringComparer.Ordinal)];
        if (names.Length > 0)
        {
            card.Append("base_model:\n").AppendJoin("", names.Select(n => $"- {n}\n"));
        }

        // The card has neither the output's name nor the machine's facts, so that the same merge always writes the same card.
        string title = string.Join(" and ", request.Inputs.Select(i => LastPart(i.Name)));
        card.Append(CultureInfo.InvariantCulture, $"---\n\n# Merge of {title}\n\n")
            .Append(CultureInfo.InvariantCulture, $"Merged with LayerSwap {LibraryVersion.Text}; ")
            .Append(CultureInfo.InvariantCulture, $"`{ManifestWriter.FileName}` has every detail.\n\n```text\n");
        string text = PlanText.Format(plan, machine: false);
        IEnumerable<ICheckpoint> models = request.Inputs.Append(request.ConfigSource)
            .Append(request.TokenizerSource ?? request.ConfigSource).Distinct();
        foreach (ICheckpoint model in models.OrderByDescending(m => m.Name.Length))
        {
            // Local paths are useless to others, and private.
            text = text.Replace(Printable.Escape(model.Name), LastPart(model.Name), StringComparison.Ordinal);
        }

        card.Append(text.Replace("```", "'''", StringComparison.Ordinal)).Append("```\n");
        return Encoding.UTF8.GetBytes(card.ToString());
    }

    private static string LastPart(string name) => string.Join(" + ", PlanText.ShortenName(name).Select(Printable.Escape));
}
