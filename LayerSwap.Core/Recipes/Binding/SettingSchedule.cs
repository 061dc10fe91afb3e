using System.Globalization;

namespace LayerSwap.Recipes;

/// <summary>
/// A setting looked up on several levels, the nearest first: on each the first value whose filter is absent or contained in the tensor's name. Its gradient runs over the layers of one slice,
/// in stacks beside the main one over all of their layers; tensors outside the layers have its first value.
/// </summary>
internal sealed class SettingSchedule(string name, Setting[] levels, double? otherwise, int firstLayer, int layers) : Schedule
{
    public override double At(TensorPlace place)
    {
        // Plain loops: asked for every tensor.
        foreach (Setting level in levels)
        {
            for (int i = 0; i < level.Values.Count; i++)
            {
                SettingValue value = level.Values[i];
                if (value.Filter is null || place.Name.Contains(value.Filter, StringComparison.Ordinal))
                {
                    double t = place.Layer is not { } layer ? 0
                        : place.InMainStack ? Height(layer - firstLayer, layers)
                        : Height(layer, place.LayerCount);
                    return Along(value.Gradient, t);
                }
            }
        }

        return otherwise ?? throw new MergeException($"{name} has no value for {Printable.Escape(place.Name)}: no filter matches it. Remedy: add a value without a filter.");
    }

    /// <summary>0 for the lowest of several layers, 1 for the highest.</summary>
    private static double Height(int layer, int layers) => layers == 1 ? 1 : layer / (double)(layers - 1);

    /// <summary>Written plainly where it is one number, as builder calls would have it.</summary>
    public override string ToString() => levels.Length == 0 ? (otherwise ?? 0).ToString(CultureInfo.InvariantCulture)
        : levels[0].Values is [{ Filter: null, Gradient: [double single] }] ? single.ToString(CultureInfo.InvariantCulture)
        : string.Join(", ", levels.SelectMany(l => l.Values).Select(Text)) + (otherwise is { } o ? $", else {o.ToString(CultureInfo.InvariantCulture)}" : "");

    private static string Text(SettingValue value) =>
        (value.Gradient.Length == 1 ? value.Gradient[0].ToString(CultureInfo.InvariantCulture) : "[" + string.Join(", ", value.Gradient.Select(v => v.ToString(CultureInfo.InvariantCulture))) + "]")
        + (value.Filter is null ? "" : $" for *{Printable.Escape(value.Filter)}*");
}
