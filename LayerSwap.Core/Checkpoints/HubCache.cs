using LayerSwap.Files;

namespace LayerSwap.Checkpoints;

/// <summary>The Hub's cache: <c>models--owner--name/snapshots/revision</c> holds links into <c>models--owner--name/blobs</c>.</summary>
internal static class HubCache
{
    private const string Prefix = "models--", Snapshots = "snapshots";

    /// <summary>The folder of a model in the cache, given the folder of one of its snapshots.</summary>
    /// <returns>Null if the folder is no snapshot.</returns>
    public static string? ModelOf(string snapshot)
    {
        string? snapshots = Path.GetDirectoryName(RealPath.Of(snapshot)), model = Path.GetDirectoryName(snapshots);
        return Path.GetFileName(snapshots) == Snapshots && Path.GetFileName(model)?.StartsWith(Prefix, StringComparison.Ordinal) == true ? model : null;
    }
}
