using System.Globalization;

namespace LayerSwap.Diff;

/// <summary>Finds properties of the models that argue against a merge.</summary>
internal static class DiffDiagnostics
{
    /// <summary>
    /// The smallest norm(W_a - W_b) / norm(W_base) of two experts that are far apart.
    /// Fine-tuning as in the paper moves weights by a few hundredths of their norm.
    /// </summary>
    private const double FarDistance = 0.1;

    /// <summary>The smallest cosine between a base and a model fine-tuned from it. Unrelated models have a cosine near 0.</summary>
    private const double RelatedCosine = 0.5;

    /// <summary>The smallest cosine between two deltas that have more than half of their norm in common.</summary>
    private const double CommonCosine = 0.5;

    public static IReadOnlyList<DiffFinding> Diagnose(DiffMeasurement measured)
    {
        DeltaTotal whole = measured.Whole;
        IReadOnlyList<DeltaTotal> layers = measured.Layers;
        IReadOnlyList<string> models = measured.Models;
        List<DiffFinding> findings = [.. FindNonFinite(measured, whole)];
        int[] finite = [.. Enumerable.Range(0, models.Count).Where(m => whole.IsBaseFinite && whole.IsFinite(m))];
        int[] foreign = [.. finite.Where(m => whole.MatrixCosine(m) < RelatedCosine)];
        foreach (int m in finite)
        {
            string name = Name(models[m]);
            if (!whole.HasChanged(m))
            {
                string message = $"{name} is the base, bit for bit: there is nothing to merge.";
                findings.Add(CreateFinding(DiffFindingKind.EqualToBase, [models[m]], [], message));
            }
            else if (foreign.Contains(m))
            {
                string message = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name} does not look fine-tuned from {Name(measured.Base)}: the cosine between their weights is "
                        + $"{whole.MatrixCosine(m):0.###}, near 1 for fine-tuned models. Compare it with the base it was made from.");
                findings.Add(CreateFinding(DiffFindingKind.OtherBase, [models[m]], [], message));
            }
            else if (FindLayers(layers, l => l.Elements > 0 && !l.HasChanged(m)) is { Length: > 0 } unchanged)
            {
                string message = $"{name} has {FormatLayers(unchanged)} unchanged: frozen during fine-tuning, or copied from the base.";
                findings.Add(CreateFinding(DiffFindingKind.UnchangedLayers, [models[m]], unchanged, message));
            }

            if (FindLayers(layers, l => l.IsZero(m)) is { Length: > 0 } dead)
            {
                findings.Add(CreateDeadLayers(models[m], name, dead));
            }
        }

        if (FindLayers(layers, l => l.IsBaseZero) is { Length: > 0 } deadInBase)
        {
            findings.Add(CreateDeadLayers(measured.Base, $"The base {Name(measured.Base)}", deadInBase));
        }

        int[] comparable = [.. finite.Except(foreign)];
        foreach ((int pair, (int a, int b)) in TensorDelta.EnumeratePairs(models.Count).Index())
        {
            if (comparable.Contains(a) && comparable.Contains(b))
            {
                findings.AddRange(DiagnosePair(measured, pair, a, b));
            }
        }

        return findings;
    }

    private static IEnumerable<DiffFinding> DiagnosePair(DiffMeasurement measured, int pair, int a, int b)
    {
        DeltaTotal whole = measured.Whole;
        string[] models = [measured.Models[a], measured.Models[b]];
        string nameA = Name(models[0]), nameB = Name(models[1]);
        double distance = whole.RelativeDistance(pair), cosine = whole.MatrixPairCosine(pair);
        if (distance == 0 && whole.HasChanged(a))
        {
            string message = $"{nameA} and {nameB} are the same model: their deltas are equal.";
            yield return CreateFinding(DiffFindingKind.SameModel, models, [], message);
        }
        else if (cosine >= CommonCosine && distance > 0)
        {
            string message = string.Create(
                CultureInfo.InvariantCulture,
                $"{nameA} and {nameB} changed {Name(measured.Base)} alike (cosine {cosine:0.###}): more than half of it is common to both. "
                    + $"They share training, or their base is another one; with that as the base the common part would not count twice.");
            yield return CreateFinding(DiffFindingKind.OtherBase, models, [], message);
        }

        if (distance >= FarDistance)
        {
            string message = string.Create(
                CultureInfo.InvariantCulture,
                $"{nameA} and {nameB} are far apart: {distance:P1} of the base's norm "
                    + $"({nameA} moved by {whole.RelativeL2(a):P1}, {nameB} by {whole.RelativeL2(b):P1}). "
                    + $"Merging layers needs light fine-tuning, of a few per cent; test the result.");
            yield return CreateFinding(DiffFindingKind.FarApart, models, [], message);
        }
    }

    private static IEnumerable<DiffFinding> FindNonFinite(DiffMeasurement measured, DeltaTotal whole)
    {
        if (!whole.IsBaseFinite)
        {
            IEnumerable<TensorInfo> tensors = measured.Tensors.Where((_, i) => !double.IsFinite(measured.Deltas[i].Base.AbsSum));
            yield return CreateNonFinite(measured.Base, [.. tensors]);
        }

        for (int m = 0; m < measured.Models.Count; m++)
        {
            if (!whole.IsFinite(m))
            {
                IEnumerable<TensorInfo> tensors = measured.Tensors.Where((_, i) => !DeltaTotal.IsFiniteIn(measured.Deltas[i], m));
                yield return CreateNonFinite(measured.Models[m], [.. tensors]);
            }
        }
    }

    private static DiffFinding CreateNonFinite(string model, TensorInfo[] tensors)
    {
        string message = $"{Name(model)} has NaN or infinities in {tensors.Length} of its tensors, first in {Name(tensors[0].Name)}: "
            + "a merge would copy them to its output.";
        return CreateFinding(DiffFindingKind.NotFinite, [model], [], message);
    }

    private static DiffFinding CreateDeadLayers(string model, string subject, int[] layers) => CreateFinding(
        DiffFindingKind.DeadLayers,
        [model],
        layers,
        $"{subject} has {FormatLayers(layers)} whose weights are all zero: they do nothing.");

    private static int[] FindLayers(IReadOnlyList<DeltaTotal> layers, Func<DeltaTotal, bool> matches) =>
        [.. Enumerable.Range(0, layers.Count).Where(l => matches(layers[l]))];

    /// <summary>Formats layer numbers as ranges: "layers 0-3, 7".</summary>
    private static string FormatLayers(int[] layers)
    {
        List<string> ranges = [];
        for (int i = 0; i < layers.Length;)
        {
            int end = i;
            while (end + 1 < layers.Length && layers[end + 1] == layers[end] + 1)
            {
                end++;
            }

            string last = end == i ? "" : string.Create(CultureInfo.InvariantCulture, $"-{layers[end]}");
            ranges.Add(layers[i].ToString(CultureInfo.InvariantCulture) + last);
            i = end + 1;
        }

        return $"layer{(layers.Length == 1 ? "" : "s")} {string.Join(", ", ranges)}";
    }

    private static string Name(string name) => Printable.Escape(name);

    private static DiffFinding CreateFinding(DiffFindingKind kind, string[] models, int[] layers, string message) =>
        new() { Kind = kind, Models = models, Layers = layers, Message = message };
}
