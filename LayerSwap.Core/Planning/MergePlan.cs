using System.Text.Json.Nodes;
using LayerSwap.Planning;

namespace LayerSwap;

/// <summary>
/// What a merge will do, complete before anything is written: every output tensor once, with its operation, its sources, the rule that took it, and its
/// place in its file. Immutable; printing it gives a summary. Made by <see cref="MergeBuilder.Plan"/>.
/// </summary>
public sealed partial record MergePlan
{
    internal MergePlan()
    {
    }

    /// <summary>Every output tensor, in canonical order.</summary>
    public required IReadOnlyList<PlannedTensor> Tensors { get; init; }

    /// <summary>The layers of the model.</summary>
    public required LayerMap Layers { get; init; }

    /// <summary>Bytes of tensors that will be read in the last pass, inputs counted as often as they are read.</summary>
    public required long ReadBytes { get; init; }

    /// <summary>Bytes of weight files that will be written, headers included.</summary>
    public required long WriteBytes { get; init; }

    /// <summary>What the process will hold of memory at most, runtime and headers included; an upper estimate.</summary>
    public required long PeakMemoryBytes { get; init; }

    /// <summary>What one should know before going on.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The names of the weight files that will be written.</summary>
    public IReadOnlyList<string> Files => [.. Shards.Select(s => s.File)];

    internal PlanRequest Request { get; init; } = null!;

    internal IReadOnlyList<PlannedShard> Shards { get; init; } = null!;

    /// <summary>The inputs beside the weights.</summary>
    internal IReadOnlyList<Checkpoints.WatchedFolder> Watched { get; init; } = [];

    internal IReadOnlyDictionary<string, JsonNode> ConfigChanges { get; init; } = null!;

    /// <summary>The plan as a summary: layers alike in one line, then sizes and warnings.</summary>
    public override string ToString() => PlanText.Of(this);
}
