using System.Globalization;

namespace LayerSwap.Merging;

/// <summary>The validated values of a method's parameters.</summary>
internal sealed class ParameterValues
{
    private readonly MergeMethod _method;
    private readonly IReadOnlyDictionary<string, PerSource> _values;

    public ParameterValues(MergeMethod method, IReadOnlyDictionary<string, PerSource> values)
    {
        foreach (string name in values.Keys.Where(v => !method.Parameters.Any(p => p.Name == v)))
        {
            string known = method.Parameters.Count == 0
                ? "it has none"
                : "it has " + string.Join(", ", method.Parameters.Select(p => p.Name));
            throw new ArgumentException($"{method.Name} has no parameter {Printable.Escape(name)}; {known}.");
        }

        MergeParameter? missing = method.Parameters.FirstOrDefault(p => p.Default is null && !values.ContainsKey(p.Name));
        if (missing is not null)
        {
            throw new ArgumentException($"{method.Name} needs the parameter {missing.Name}: {missing.Summary}");
        }

        (_method, _values) = (method, values);
    }

    /// <summary>Whether a value was given.</summary>
    public bool Has(string name) => _values.ContainsKey(name);

    /// <summary>Gets a value for each source, or one for all.</summary>
    public PerSource PerSource(string name) => _values[name];

    /// <summary>Gets one value for all sources.</summary>
    public Schedule Number(string name) => PerSource(name).Single
        ?? throw new ArgumentException($"{_method.Name}: {name} is {PerSource(name)}; one value is expected, not one a source.");

    /// <summary>Gets a switch.</summary>
    public bool Switch(string name) => Number(name).ToString() switch
    {
        "0" => false,
        "1" => true,
        string text => throw new ArgumentException($"{_method.Name}: {name} is {text}; true or false is expected."),
        null => false,
    };

    /// <summary>Gets one number for the whole merge.</summary>
    public double Plain(string name) =>
        double.TryParse(Number(name).ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value
        : throw new ArgumentException($"{_method.Name}: {name} is {Number(name)}; one number for the whole merge is expected.");

    /// <summary>Gets an integer for the whole merge.</summary>
    public int Whole(string name, int least) =>
        Plain(name) is var value && value == Math.Floor(value) && value >= least && value <= int.MaxValue ? (int)value
        : throw new ArgumentException($"{name} is {Number(name)}; "
            + $"a whole number of {least.ToString(CultureInfo.InvariantCulture)} or more is expected.");

    /// <summary>Gets the index of the value among the allowed words.</summary>
    public int Word(string name)
    {
        IReadOnlyList<string> words = _method.Parameters.First(p => p.Name == name).Words;
        return Plain(name) is var index && index == Math.Floor(index) && index >= 0 && index < words.Count ? (int)index
            : throw new ArgumentException($"{name} is a number; one of {string.Join(", ", words)} is expected.");
    }
}
