namespace LayerSwap.Reports.Notebooks;

/// <summary>Names the notebook formatter of a type. .NET Interactive finds the attribute by its name, which saves a dependency.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class TypeFormatterSourceAttribute(Type formatterSourceType) : Attribute
{
    public Type FormatterSourceType => formatterSourceType;

    public string[] PreferredMimeTypes { get; init; } = [];
}
