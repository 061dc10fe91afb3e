using System.Globalization;
using LayerSwap.Common;
using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>A method of the catalogue: a strategy by name, with its parameters by name, as command lines and recipes use it.</summary>
public sealed record MergeMethod
{
    /// <summary>The name, such as <c>task_arithmetic</c>.</summary>
    public required string Name { get; init; }

    /// <summary>One line on what the method does.</summary>
    public required string Summary { get; init; }

    /// <summary>Whether the method needs a base.</summary>
    public required bool NeedsBase { get; init; }

    /// <summary>
    /// Whether a base takes part. If not, it gives configuration and tokenizer only, and counts as a model where it is listed among them.
    /// </summary>
    public bool UsesBase { get; init; } = true;

    /// <summary>Whether the weights of the sources matter.</summary>
    public bool UsesWeights { get; init; }

    /// <summary>Whether the method decides about the whole model, so that it cannot be used in a rule or on slices.</summary>
    public bool IsWholeModel { get; init; }

    /// <summary>The parameters.</summary>
    public required IReadOnlyList<MergeParameter> Parameters { get; init; }

    internal Func<ParameterValues, IMergeStrategy> Factory { get; init; } = null!;

    /// <summary>Creates the strategy.</summary>
    /// <param name="values">Values by parameter name; parameters not named have their defaults.</param>
    /// <exception cref="ArgumentException">A parameter is unknown, or its value is not of its type or range.</exception>
    public IMergeStrategy Create(IReadOnlyDictionary<string, PerSource>? values = null) =>
        Factory(new ParameterValues(this, values ?? new Dictionary<string, PerSource>(StringComparer.Ordinal)));

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Summary}";
}

/// <summary>A parameter of a method.</summary>
public sealed record MergeParameter
{
    /// <summary>The name, such as <c>lambda</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What the parameter does, with its range.</summary>
    public required string Summary { get; init; }

    /// <summary>
    /// The default; 0 and 1 stand for false and true, an index for one of <see cref="Words"/>. Null if a value must be given.
    /// </summary>
    public required double? Default { get; init; }

    /// <summary>Whether every source may have its own value.</summary>
    public bool IsPerSource { get; init; }

    /// <summary>Whether the value is true or false (or 1 or 0).</summary>
    public bool IsSwitch { get; init; }

    /// <summary>The words that the value is one of; empty for a number or a switch.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>Reads a value as it is written on a command line: a number, true or false, or one of <see cref="Words"/>.</summary>
    /// <returns>Null if the text is none of these.</returns>
    public double? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (Words.Count > 0)
        {
            int word = Words.ToList().IndexOf(text);
            return word < 0 ? null : word;
        }

        return text switch
        {
            "true" => 1,
            "false" => 0,
            _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
                ? value
                : null,
        };
    }

    /// <summary>Writes the default as it is read; <c>required</c> if a value must be given.</summary>
    public string DefaultText => Default is not { } value ? "required"
        : Words.Count > 0 ? Words[(int)value]
        : IsSwitch ? (value == 1 ? "true" : "false")
        : value.ToString(CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({DefaultText}): {Summary}";
}
