using System.Text.Json.Nodes;

namespace LayerSwap.Checkpoints;

/// <summary>A checkpoint made of others: its configuration is its donor's with some values changed.</summary>
internal interface IDerivedCheckpoint
{
    IReadOnlyDictionary<string, JsonNode> ChangedConfig { get; }
}
