using LayerSwap.Common;
using LayerSwap.Merging;

namespace LayerSwap.Recipes;

/// <summary>The words of recipes that come from the catalogue: methods and parameters.</summary>
internal static class MethodNames
{
    public const string Weight = "weight";

    /// <summary>The parameters of all methods, and the weight of a model.</summary>
    public static IReadOnlyList<string> Parameters { get; } =
        [.. MergeMethods.All.SelectMany(m => m.Parameters).Select(p => p.Name).Append(Weight).Distinct(StringComparer.Ordinal)];

    /// <summary>The parameters that are words.</summary>
    public static IReadOnlyList<string> Words { get; } =
        [.. MergeMethods.All.SelectMany(m => m.Parameters).Where(p => p.Words.Count > 0)
            .Select(p => p.Name).Distinct(StringComparer.Ordinal)];

    public static bool IsMethod(string name) => MergeMethods.All.Any(m => m.Name == name);

    /// <summary>Whether a method decides about the whole model, so that no rule can use it.</summary>
    public static bool IsWholeModel(string name) => MergeMethods.All.Any(m => m.Name == name && m.IsWholeModel);

    public static bool IsParameter(string name) => Parameters.Contains(name, StringComparer.Ordinal);

    /// <summary>Whether a parameter may be given for a model.</summary>
    public static bool IsPerSource(string name) =>
        name == Weight || MergeMethods.All.Any(m => m.Parameters.Any(p => p.Name == name && p.IsPerSource));

    public static string NoSuchMethod(string name)
    {
        string[] methods = [.. MergeMethods.All.Select(m => m.Name)];
        return $"there is no method {Printable.Escape(name)}; nearest is {ClosestMatch.Find(name, methods)}. "
            + $"There are {string.Join(", ", methods)}.";
    }
}
