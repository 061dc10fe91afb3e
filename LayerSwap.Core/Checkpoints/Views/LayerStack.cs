using System.Globalization;

namespace LayerSwap.Checkpoints;

/// <summary>Builds a view of layers stacked from slices of models.</summary>
internal static class LayerStack
{
    public static ICheckpoint Create(IReadOnlyList<(ICheckpoint Model, Range Layers)> slices)
    {
        if (slices.Count == 0)
        {
            throw new ArgumentException("At least one slice is needed.", nameof(slices));
        }

        LayerMap[] maps = [.. slices.Select(s => LayerMap.Of(s.Model))];
        string stack = maps[0].MainStack
            ?? throw new ArgumentException($"{Printable.Escape(slices[0].Model.Name)} has no layers.", nameof(slices));
        List<(string, ICheckpoint, TensorInfo)> tensors = [];
        int total = slices.Select((s, i) => s.Layers.GetOffsetAndLength(maps[i].LayerCount).Length).Sum();
        int offset = 0;
        List<int> donorLayers = [];
        List<(ICheckpoint, int, int)> parts = [];
        for (int i = 0; i < slices.Count; i++)
        {
            (ICheckpoint model, Range range) = slices[i];
            if (maps[i].MainStack != stack)
            {
                throw new ArgumentException(
                    $"{Printable.Escape(model.Name)} has the layers {maps[i].MainStack ?? "(none)"}; {stack} are expected.",
                    nameof(slices));
            }

            (int start, int length) = range.GetOffsetAndLength(maps[i].LayerCount);
            tensors.AddRange(model.Tensors
                .Where(t => IsIncluded(maps[i][t.Name], i == 0, i == slices.Count - 1, start, length))
                .Select(t => (Renumber(maps[i][t.Name], offset - start, stack, total - maps[i].LayerCount), model, t)));
            offset += length;
            parts.Add((model, start, start + length));
            // They index the lists of the donor's config.json too: all models have the same architecture.
            donorLayers.AddRange(Enumerable.Range(start, length));
        }

        string name = string.Join(" + ", slices.Select(s => $"{s.Model.Name}[{s.Layers}]"));
        return new MappedCheckpoint(name, slices[0].Model, tensors) { SourceLayers = donorLayers, Slices = parts };
    }

    /// <summary>Whether a slice contributes a tensor. Embeddings and other stacks are of the first slice, the rest of the last.</summary>
    private static bool IsIncluded(TensorPlace place, bool first, bool last, int start, int length) =>
        place.InMainStack ? place.Layer >= start && place.Layer < start + length
        : place.Kind == TensorKind.Embedding || place.Layer is not null ? first
        : last;

    /// <summary>Builds the name of a tensor in the stacked model.</summary>
    /// <param name="place">The tensor.</param>
    /// <param name="shift">Added to the number of its layer.</param>
    /// <param name="stack">The stack that is renumbered.</param>
    /// <param name="mtpShift">Added to the numbers of multi-token prediction layers, which follow the last layer.</param>
    private static string Renumber(TensorPlace place, int shift, string stack, int mtpShift)
    {
        if (!place.InMainStack)
        {
            bool inStack = place.Stack is null && place.Name.StartsWith(stack + ".", StringComparison.Ordinal);
            string[] parts = inStack ? place.Name[(stack.Length + 1)..].Split('.', 2) : [];
            return parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                ? string.Create(CultureInfo.InvariantCulture, $"{stack}.{number + mtpShift}.{parts[1]}")
                : place.Name;
        }

        // Skip the number as written: it may have leading zeros.
        string rest = place.Name[place.Name.IndexOf('.', place.Stack!.Length + 1)..];
        return $"{place.Stack}.{(place.Layer!.Value + shift).ToString(CultureInfo.InvariantCulture)}{rest}";
    }
}
