using System.Text.Json.Nodes;
using LayerSwap.Planning;

namespace LayerSwap;

/// <summary>
/// The complete plan of a merge, made before anything is written: every output tensor with its operation, sources, rule and file offset.
/// Immutable; printing it gives a summary. Made by <see cref="MergeBuilder.Plan"/>.
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

    /// <summary>Bytes of tensors that the last pass reads; an input read twice counts twice.</summary>
    public required long ReadBytes { get; init; }

    /// <summary>Bytes of the weight files to write, headers included.</summary>
    public required long WriteBytes { get; init; }

    /// <summary>An upper estimate of the process's memory in bytes, runtime and headers included.</summary>
    public required long PeakMemoryBytes { get; init; }

    /// <summary>Findings that do not prevent the merge.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The names of the weight files to write.</summary>
    public IReadOnlyList<string> Files => [.. Shards.Select(s => s.File)];

    internal PlanRequest Request { get; init; } = null!;

    internal IReadOnlyList<PlannedShard> Shards { get; init; } = null!;

    /// <summary>The files next to the input weights, as they were when planned.</summary>
    internal IReadOnlyList<Checkpoints.WatchedFolder> WatchedFolders { get; init; } = [];

    internal IReadOnlyDictionary<string, JsonNode> ConfigChanges { get; init; } = null!;

    /// <summary>Summarizes the plan: equal layers on one line, then sizes and warnings.</summary>
    public override string ToString() => PlanText.Format(this);
}
