using System.Globalization;

namespace LayerSwap.Diff;

/// <summary>Reads verdicts from what was measured.</summary>
internal static class DiffDiagnostics
{
    /// <summary>norm(W_a - W_b) / norm(W_base) from which on two experts are far apart. Fine-tuning as in the paper moves weights by a few hundredths of their norm.</summary>
    private const double Far = 0.1;

    /// <summary>The cosine below which a model does not look like a fine-tuned base: unrelated models have one near 0.</summary>
    private const double Unrelated = 0.5;

    /// <summary>The cosine between two changes from which on more than half of what both changed is common to them.</summary>
    private const double Common = 0.5;

    public static IReadOnlyList<DiffVerdict> Of(DiffMeasurement measured)
    {
        DeltaTotal whole = measured.Whole;
        IReadOnlyList<DeltaTotal> layers = measured.Layers;
        IReadOnlyList<string> models = measured.Models;
        List<DiffVerdict> verdicts = [.. NotFinite(measured, whole)];
        int[] finite = [.. Enumerable.Range(0, models.Count).Where(m => whole.IsBaseFinite && whole.IsFinite(m))];
        int[] foreign = [.. finite.Where(m => whole.MatrixCosine(m) < Unrelated)];
        foreach (int m in finite)
        {
            if (!whole.HasChanged(m))
            {
                verdicts.Add(Verdict(DiffVerdictKind.EqualToBase, [models[m]], [], $"{Name(models[m])} is the base, bit for bit: there is nothing to merge."));
            }
            else if (foreign.Contains(m))
            {
                verdicts.Add(Verdict(DiffVerdictKind.OtherBase, [models[m]], [], string.Create(CultureInfo.InvariantCulture,
                    $"{Name(models[m])} does not look fine-tuned from {Name(measured.Base)}: the cosine between their weights is {whole.MatrixCosine(m):0.###}, near 1 for fine-tuned models. Compare it with the base it was made from.")));
            }
            else if (Where(layers, l => l.Elements > 0 && !l.HasChanged(m)) is { Length: > 0 } still)
            {
                verdicts.Add(Verdict(DiffVerdictKind.UnchangedLayers, [models[m]], still, $"{Name(models[m])} has left {Numbers(still)} as they were: frozen while it was fine-tuned, or copied from the base."));
            }

            if (Where(layers, l => l.IsZero(m)) is { Length: > 0 } dead)
            {
                verdicts.Add(Verdict(DiffVerdictKind.DeadLayers, [models[m]], dead, $"{Name(models[m])} has {Numbers(dead)} whose weights are all zero: they do nothing."));
            }
        }

        if (Where(layers, l => l.IsBaseZero) is { Length: > 0 } deadInBase)
        {
            verdicts.Add(Verdict(DiffVerdictKind.DeadLayers, [measured.Base], deadInBase, $"The base {Name(measured.Base)} has {Numbers(deadInBase)} whose weights are all zero: they do nothing."));
        }

        int[] comparable = [.. finite.Except(foreign)];
        foreach ((int pair, (int a, int b)) in TensorDelta.Pairing(models.Count).Index())
        {
            if (!comparable.Contains(a) || !comparable.Contains(b))
            {
                continue;
            }

            double distance = whole.RelativeDistance(pair), cosine = whole.MatrixPairCosine(pair);
            if (distance == 0 && whole.HasChanged(a))
            {
                verdicts.Add(Verdict(DiffVerdictKind.SameModel, [models[a], models[b]], [], $"{Name(models[a])} and {Name(models[b])} are the same model: their changes are equal."));
            }
            else if (cosine >= Common && distance > 0)
            {
                verdicts.Add(Verdict(DiffVerdictKind.OtherBase, [models[a], models[b]], [], string.Create(CultureInfo.InvariantCulture,
                    $"{Name(models[a])} and {Name(models[b])} changed {Name(measured.Base)} alike (cosine {cosine:0.###}): more than half of it is common to both. They share training, or their base is another one; with that as the base the common part would not count twice.")));
            }

            if (distance >= Far)
            {
                verdicts.Add(Verdict(DiffVerdictKind.FarApart, [models[a], models[b]], [], string.Create(CultureInfo.InvariantCulture,
                    $"{Name(models[a])} and {Name(models[b])} lie far apart: {distance:P1} of the base's norm ({Name(models[a])} moved by {whole.RelativeL2(a):P1}, {Name(models[b])} by {whole.RelativeL2(b):P1}). Merging layers needs light fine-tunings, of a few per cent; test the result.")));
            }
        }

        return verdicts;
    }

    private static IEnumerable<DiffVerdict> NotFinite(DiffMeasurement measured, DeltaTotal whole)
    {
        if (!whole.IsBaseFinite)
        {
            yield return NotFinite(measured.Base, [.. measured.Tensors.Where((_, i) => !double.IsFinite(measured.Changes[i].Origin.Abs))]);
        }

        for (int m = 0; m < measured.Models.Count; m++)
        {
            if (!whole.IsFinite(m))
            {
                yield return NotFinite(measured.Models[m], [.. measured.Tensors.Where((_, i) => !DeltaTotal.IsFiniteIn(measured.Changes[i], m))]);
            }
        }
    }

    private static DiffVerdict NotFinite(string model, TensorInfo[] tensors) => Verdict(DiffVerdictKind.NotFinite, [model], [],
        $"{Name(model)} holds NaN or infinities in {tensors.Length} of its tensors, first in {Name(tensors[0].Name)}: a merge would carry them on.");

    private static int[] Where(IReadOnlyList<DeltaTotal> layers, Func<DeltaTotal, bool> matches) => [.. Enumerable.Range(0, layers.Count).Where(l => matches(layers[l]))];

    /// <summary>Numbers as runs: layers 0-3, 7.</summary>
    private static string Numbers(int[] layers)
    {
        List<string> runs = [];
        for (int i = 0; i < layers.Length;)
        {
            int end = i;
            while (end + 1 < layers.Length && layers[end + 1] == layers[end] + 1)
            {
                end++;
            }

            runs.Add(layers[i].ToString(CultureInfo.InvariantCulture) + (end == i ? "" : string.Create(CultureInfo.InvariantCulture, $"-{layers[end]}")));
            i = end + 1;
        }

        return $"layer{(layers.Length == 1 ? "" : "s")} {string.Join(", ", runs)}";
    }

    private static string Name(string name) => Printable.Escape(name);

    private static DiffVerdict Verdict(DiffVerdictKind kind, string[] models, int[] layers, string message) => new() { Kind = kind, Models = models, Layers = layers, Message = message };
}
