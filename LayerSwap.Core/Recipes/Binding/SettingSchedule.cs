using System.Globalization;

namespace LayerSwap.Recipes;

/// <summary>
/// A setting with values on several levels, the innermost first. The first value wins whose filter is absent or contained in the tensor's
/// name. Its gradient covers the layers of a slice, or all layers of another stack; tensors outside the layers have the first value.
/// </summary>
internal sealed class SettingSchedule(string name, Setting[] levels, double? otherwise, int firstLayer, int layers) : Schedule
{
    public override double At(TensorPlace place)
    {
        // Loops instead of LINQ: called for every tensor.
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

        return otherwise ?? throw new MergeException($"{name} has no value for {Printable.Escape(place.Name)}: no filter matches it. "
            + "Remedy: add a value without a filter.");
    }

    /// <summary>Computes the relative height of a layer: 0 for the lowest, 1 for the highest, 1 for a single layer.</summary>
    private static double Height(int layer, int layers) => layers == 1 ? 1 : layer / (double)(layers - 1);

    /// <summary>Formats a constant as a number, as schedules of builder calls do, and anything else as a list of values.</summary>
    public override string ToString()
    {
        if (levels.Length == 0)
        {
            return Text(otherwise ?? 0);
        }

        if (levels[0].Values is [{ Filter: null, Gradient: [double single] }])
        {
            return Text(single);
        }

        return string.Join(", ", levels.SelectMany(l => l.Values).Select(Text)) + (otherwise is { } value ? $", else {Text(value)}" : "");
    }

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(SettingValue value)
    {
        string numbers = string.Join(", ", value.Gradient.Select(Text));
        return (value.Gradient.Length == 1 ? numbers : $"[{numbers}]")
            + (value.Filter is null ? "" : $" for *{Printable.Escape(value.Filter)}*");
    }
}
