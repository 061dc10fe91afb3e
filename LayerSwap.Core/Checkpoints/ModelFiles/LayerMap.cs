using System.Globalization;
using System.Runtime.CompilerServices;
using LayerSwap.Checkpoints;

namespace LayerSwap;

// The maps of checkpoints: tensor names, and what config.json says of layers.
public sealed partial class LayerMap
{
    /// <summary>Maps of open checkpoints. Several parts of a plan need the same map.</summary>
    private static readonly ConditionalWeakTable<ICheckpoint, LayerMap> Cache = [];

    /// <summary>
    /// Creates the map of a checkpoint. Its config.json separates the model's layers from multi-token prediction (MTP) layers, numbered
    /// after them. An unreadable config.json is ignored here, and reported when a merge is planned.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    public static LayerMap Of(ICheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return Cache.GetValue(checkpoint, c => Of(c.Tensors, CountOwnLayers(c), GetChosenStack(c)));
    }

    private static string? GetChosenStack(ICheckpoint checkpoint) => (checkpoint as ICheckpointView)?.MainStack;

    /// <summary>Reads the number of layers from config.json if MTP layers follow them; null otherwise.</summary>
    private static long? CountOwnLayers(ICheckpoint checkpoint)
    {
        if (GetChosenStack(checkpoint) is not null)
        {
            return null;
        }

        try
        {
            if (ModelConfig.TryRead(checkpoint) is not { Layers: { } layers } config)
            {
                return null;
            }

            return config.MtpLayers > 0 || IsMtpLayer(checkpoint, layers) ? layers : null;
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    /// <summary>Whether a layer is an MTP layer, by the names of its tensors (DeepSeek-V3, GLM-4.5).</summary>
    private static bool IsMtpLayer(ICheckpoint checkpoint, long layer)
    {
        string number = string.Create(CultureInfo.InvariantCulture, $".{layer}.");
        return checkpoint.Tensors.Select(t => t.Name).Any(n => n.Contains(number, StringComparison.Ordinal)
            && (n.EndsWith("eh_proj.weight", StringComparison.Ordinal) || n.EndsWith("enorm.weight", StringComparison.Ordinal)));
    }

    /// <summary>Caches the map of a checkpoint for another with the same tensor names.</summary>
    internal static void Share(LayerMap map, ICheckpoint checkpoint)
    {
        if (map._places.Count == checkpoint.Tensors.Count)
        {
            Cache.TryAdd(checkpoint, map);
        }
    }

    /// <summary>Creates the map of several checkpoints to merge. If the others add no names, it is the map of the first.</summary>
    internal static LayerMap OfAll(IReadOnlyList<ICheckpoint> checkpoints)
    {
        if (checkpoints.Skip(1).All(c => c.Tensors.All(t => checkpoints[0].Find(t.Name) is not null)))
        {
            return Of(checkpoints[0]);
        }

        int[] counts = [.. checkpoints.Select(c => Of(c).LayerCount).Distinct()];
        long? layers = counts is [> 0 and var count] ? count : null;
        return Of(checkpoints.SelectMany(c => c.Tensors), layers, checkpoints.Select(GetChosenStack).FirstOrDefault(s => s is not null));
    }
}
