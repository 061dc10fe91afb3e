namespace LayerSwap.Reports.Notebooks;

/// <summary>Says how a type is shown in notebooks. .NET Interactive finds it by this name, so that a library needs no dependency for it.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class TypeFormatterSourceAttribute(Type formatterSourceType) : Attribute
{
    public Type FormatterSourceType => formatterSourceType;

    public string[] PreferredMimeTypes { get; init; } = [];
}
