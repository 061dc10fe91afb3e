using System.Globalization;

namespace LayerSwap.Checkpoints;

/// <summary>Builds a view of stacked layers.</summary>
internal static class LayerStack
{
    public static ICheckpoint Of(IReadOnlyList<(ICheckpoint Model, Range Layers)> slices)
    {
        if (slices.Count == 0)
        {
            throw new ArgumentException("At least one slice is needed.", nameof(slices));
        }

        LayerMap[] maps = [.. slices.Select(s => LayerMap.Of(s.Model))];
        string stack = maps[0].MainStack ?? throw new ArgumentException($"{Printable.Escape(slices[0].Model.Name)} has no layers.", nameof(slices));
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
                throw new ArgumentException($"{Printable.Escape(model.Name)} has the layers {maps[i].MainStack ?? "(none)"}; {stack} are expected.", nameof(slices));
            }

            (int start, int length) = range.GetOffsetAndLength(maps[i].LayerCount);
            tensors.AddRange(model.Tensors.Where(t => Wanted(maps[i][t.Name], i == 0, i == slices.Count - 1, start, length))
                .Select(t => (Renumber(maps[i][t.Name], offset - start, stack, total - maps[i].LayerCount), model, t)));
            offset += length;
            parts.Add((model, start, start + length));
            // Lists in config.json follow the layers; a model of one architecture has the same there.
            donorLayers.AddRange(Enumerable.Range(start, length));
        }

        string name = string.Join(" + ", slices.Select(s => $"{s.Model.Name}[{s.Layers}]"));
        return new MappedCheckpoint(name, slices[0].Model, tensors) { DonorLayers = donorLayers, Slices = parts };
    }

    private static bool Wanted(TensorPlace place, bool first, bool last, int start, int length) =>
        place.InMainStack ? place.Layer >= start && place.Layer < start + length
        : place.Kind == TensorKind.Embedding || place.Layer is not null ? first
        : last;

    /// <param name="place">The tensor.</param>
    /// <param name="shift">What its layer's number grows by.</param>
    /// <param name="stack">The stack that is renumbered.</param>
    /// <param name="further">What the numbers of layers that predict further tokens grow by: they come after the last.</param>
    private static string Renumber(TensorPlace place, int shift, string stack, int further)
    {
        if (!place.InMainStack)
        {
            string[] parts = place.Stack is null && place.Name.StartsWith(stack + ".", StringComparison.Ordinal) ? place.Name[(stack.Length + 1)..].Split('.', 2) : [];
            return parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int own) ? string.Create(CultureInfo.InvariantCulture, $"{stack}.{own + further}.{parts[1]}") : place.Name;
        }

        // The number as written, which may have leading zeros.
        string rest = place.Name[place.Name.IndexOf('.', place.Stack!.Length + 1)..];
        return $"{place.Stack}.{(place.Layer!.Value + shift).ToString(CultureInfo.InvariantCulture)}{rest}";
    }
}
