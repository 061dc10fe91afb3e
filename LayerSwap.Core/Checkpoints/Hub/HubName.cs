using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LayerSwap.Checkpoints;

/// <summary>The name of a model on the Hub, <c>owner/name</c>, as far as its place in the Hub's cache or its configuration tells it; never a path of this machine.</summary>
internal static partial class HubName
{
    /// <summary>The names of a model, or of those that it is made of.</summary>
    public static IEnumerable<string> Of(ICheckpoint checkpoint) => (checkpoint is MappedCheckpoint { Slices: { } slices } ? slices.SelectMany(s => Of(s.Model))
        : AuxiliaryFiles.OwnerOf(checkpoint) is IComputedCheckpoint computed ? computed.Inputs.SelectMany(Of)
        : OfOne(checkpoint) is { } name ? [name] : []).Distinct(StringComparer.Ordinal);

    private static string? OfOne(ICheckpoint checkpoint)
    {
        if (checkpoint.Folder is { } folder && HubCache.ModelOf(folder) is { } cached && Path.GetFileName(cached).Split("--") is [_, { Length: > 0 } owner, { Length: > 0 } name])
        {
            return $"{owner}/{name}";
        }

        return (ModelConfig.TryRead(checkpoint)?.Root["_name_or_path"] as JsonValue)?.TryGetValue(out string? said) == true && Name().IsMatch(said) && !said.EndsWith(".git", StringComparison.Ordinal) && !Directory.Exists(said) ? said : null;
    }

    /// <summary>What the Hub takes as a name: letters, digits, and single hyphens, underscores and points within.</summary>
    [GeneratedRegex(@"^(?!.*(--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?/[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Name();
}
