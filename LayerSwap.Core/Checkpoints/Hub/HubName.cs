using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LayerSwap.Checkpoints;

/// <summary>Finds the Hub name of a model, <c>owner/name</c>, by its cache folder or its configuration. Never a local path.</summary>
internal static partial class HubName
{
    /// <summary>The names of a model, or of the models that it is stacked or computed from.</summary>
    public static IEnumerable<string> FindNames(ICheckpoint checkpoint)
    {
        IEnumerable<string> names = checkpoint is MappedCheckpoint { Slices: { } slices } ? slices.SelectMany(s => FindNames(s.Model))
            : AuxiliaryFiles.FindOwner(checkpoint) is IComputedCheckpoint computed ? computed.Inputs.SelectMany(FindNames)
            : FindName(checkpoint) is { } name ? [name]
            : [];
        return names.Distinct(StringComparer.Ordinal);
    }

    private static string? FindName(ICheckpoint checkpoint)
    {
        if (checkpoint.Folder is { } folder && HubCache.FindModel(folder) is { } cached
            && Path.GetFileName(cached).Split("--") is [_, { Length: > 0 } owner, { Length: > 0 } name])
        {
            return $"{owner}/{name}";
        }

        return ModelConfig.TryRead(checkpoint)?.Root["_name_or_path"] is JsonValue value && value.TryGetValue(out string? text)
            && ValidName().IsMatch(text) && !text.EndsWith(".git", StringComparison.Ordinal) && !Directory.Exists(text)
                ? text
                : null;
    }

    /// <summary>A valid name: letters and digits, with single hyphens, underscores and dots between them.</summary>
    [GeneratedRegex(
        @"^(?!.*(--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?/[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex ValidName();
}
