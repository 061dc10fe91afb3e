using LayerSwap.Merging;

namespace LayerSwap;

/// <summary>A strategy by its name, with the parameters it takes by name: what command lines and recipes use.</summary>
public sealed record MergeMethod
{
    /// <summary>The name, such as <c>task_arithmetic</c>.</summary>
    public required string Name { get; init; }

    /// <summary>One line on what it does.</summary>
    public required string Summary { get; init; }

    /// <summary>Whether it needs a base.</summary>
    public required bool NeedsBase { get; init; }

    /// <summary>Whether a base takes part. If not, it gives configuration and tokenizer only, and counts as a model where it is named among them.</summary>
    public bool UsesBase { get; init; } = true;

    /// <summary>The parameters of the method as a whole.</summary>
    public required IReadOnlyList<MergeParameter> Parameters { get; init; }

    internal Func<ParameterValues, IMergeStrategy> Factory { get; init; } = null!;

    /// <summary>Makes the strategy.</summary>
    /// <param name="values">Parameters by name; those not named have their defaults.</param>
    /// <exception cref="ArgumentException">A parameter is unknown, or its value is not of its type or range.</exception>
    public IMergeStrategy Create(IReadOnlyDictionary<string, PerSource>? values = null) => Factory(new ParameterValues(this, values ?? new Dictionary<string, PerSource>(StringComparer.Ordinal)));
}

/// <summary>A parameter of a method.</summary>
public sealed record MergeParameter
{
    /// <summary>The name, such as <c>lambda</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What it does, with its range.</summary>
    public required string Summary { get; init; }

    /// <summary>The value where none is given; 0 and 1 stand for false and true; null where one must be given.</summary>
    public required double? Default { get; init; }

    /// <summary>Whether every source may have a value of its own.</summary>
    public bool IsPerSource { get; init; }

    /// <summary>Whether it is a switch, written true or false (or 1 or 0).</summary>
    public bool IsSwitch { get; init; }
}
