using System.Globalization;

namespace LayerSwap.Merging;

/// <summary>The values given for a method's parameters: names checked, defaults filled in.</summary>
internal sealed class ParameterValues
{
    private readonly MergeMethod _method;
    private readonly IReadOnlyDictionary<string, PerSource> _values;

    public ParameterValues(MergeMethod method, IReadOnlyDictionary<string, PerSource> values)
    {
        foreach (string name in values.Keys.Where(v => !method.Parameters.Any(p => p.Name == v)))
        {
            string known = method.Parameters.Count == 0 ? "it has none" : "it has " + string.Join(", ", method.Parameters.Select(p => p.Name));
            throw new ArgumentException($"{method.Name} has no parameter {Printable.Escape(name)}; {known}.");
        }

        _method = method;
        _values = values;
    }

    /// <summary>A value for each source, or one for all.</summary>
    public PerSource PerSource(string name) => _values.TryGetValue(name, out PerSource? value) ? value
        : Parameter(name).Default is { } otherwise ? otherwise
        : throw new ArgumentException($"{_method.Name} needs the parameter {name}: {Parameter(name).Summary}");

    /// <summary>One value for all sources.</summary>
    public Schedule Number(string name) => PerSource(name).Single
        ?? throw new ArgumentException($"{_method.Name}: {name} is {PerSource(name)}; one value is expected, not one a source.");

    public bool Switch(string name)
    {
        // A switch holds for the whole merge: only the plain numbers 0 and 1 will do.
        string text = Number(name).ToString()!;
        return text switch
        {
            "0" => false,
            "1" => true,
            _ => throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{_method.Name}: {name} is {text}; true or false is expected.")),
        };
    }

    /// <summary>A number that holds for the whole merge.</summary>
    public double Plain(string name) => double.TryParse(Number(name).ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value
        : throw new ArgumentException($"{_method.Name}: {name} is {Number(name)}; one number for the whole merge is expected.");

    /// <summary>A whole number that holds for the whole merge.</summary>
    public int Whole(string name) => Plain(name) is var value && value == Math.Floor(value) && Math.Abs(value) <= int.MaxValue ? (int)value
        : throw new ArgumentException($"{_method.Name}: {name} is {Number(name)}; a whole number is expected.");

    private MergeParameter Parameter(string name) => _method.Parameters.First(p => p.Name == name);
}
