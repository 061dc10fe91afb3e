using System.Globalization;
using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>A method of the catalogue: a strategy and its parameters by name, as command lines and recipes use them.</summary>
public sealed record MergeMethod
{
    /// <summary>Only descriptors create methods.</summary>
    internal MergeMethod()
    {
    }

    /// <summary>The name, such as <c>task_arithmetic</c>.</summary>
    public required string Name { get; init; }

    /// <summary>A one-line summary of the method.</summary>
    public required string Summary { get; init; }

    /// <summary>Whether the method needs a base; planning throws <see cref="MergeException"/> without one.</summary>
    public required bool NeedsBase { get; init; }

    /// <summary>
    /// Whether the base takes part in the merge. If not, it only gives configuration and tokenizer, unless it is also listed as a model.
    /// </summary>
    public bool UsesBase { get; init; } = true;

    /// <summary>Whether the method uses the weights of the sources.</summary>
    public bool UsesWeights { get; init; }

    /// <summary>Whether the method decides about the whole model. It then cannot be used in a rule or on slices.</summary>
    public bool IsWholeModel { get; init; }

    /// <summary>The parameters.</summary>
    public required IReadOnlyList<MergeParameter> Parameters { get; init; }

    internal Func<ParameterValues, IMergeStrategy> Factory { get; init; } = null!;

    /// <summary>Creates a strategy.</summary>
    /// <param name="values">The values by parameter name; other parameters have their defaults. Null for all defaults.</param>
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

    /// <summary>A one-line summary of the parameter, with its range.</summary>
    public required string Summary { get; init; }

    /// <summary>The default value. A switch has 0 or 1, a word its index in <see cref="Words"/>. Null if a value is required.</summary>
    public required double? Default { get; init; }

    /// <summary>Whether each source may have its own value.</summary>
    public bool IsPerSource { get; init; }

    /// <summary>Whether the value is true (1) or false (0).</summary>
    public bool IsSwitch { get; init; }

    /// <summary>The allowed words; empty for a number or a switch.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>Parses a value as typed on a command line: a finite number, true or false, or one of <see cref="Words"/>.</summary>
    /// <returns>The value, with true as 1, false as 0 and a word as its index; null if the text is none of these.</returns>
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

    /// <summary>The default as text that <see cref="Parse"/> accepts; <c>required</c> if a value is required.</summary>
    public string DefaultText => Default is not { } value ? "required"
        : Words.Count > 0 ? Words[(int)value]
        : IsSwitch ? (value == 1 ? "true" : "false")
        : value.ToString(CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({DefaultText}): {Summary}";
}
