using YamlDotNet.Core;

namespace LayerSwap.Recipes;

/// <summary>A place in the recipe's text, counted from 1.</summary>
internal readonly record struct LineColumn(long Line, long Column)
{
    public static LineColumn Of(Mark mark) => new(mark.Line, mark.Column);

    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"line {Line}, column {Column}");
}

/// <summary>One value of a setting and where it holds: where a tensor's name contains the filter, everywhere without one. Several numbers are a gradient.</summary>
internal sealed record SettingValue(string? Filter, double[] Gradient, LineColumn Place);

/// <summary>A parameter as it is written. Text stands for the few that are words.</summary>
internal sealed record Setting(string Name, IReadOnlyList<SettingValue> Values, string? Text, LineColumn Place);

/// <summary>Parameters by name.</summary>
internal sealed class Settings : Dictionary<string, Setting>
{
    public Settings()
        : base(StringComparer.Ordinal)
    {
    }
}

/// <summary>A model as it is referred to.</summary>
internal sealed record ModelReference(string Path, LineColumn Place);

/// <summary>A model of a slice, or of a whole merge, where no range is given.</summary>
internal sealed record RecipeSource(ModelReference Model, (int Start, int End)? Layers, Settings Parameters, LineColumn Place);

/// <summary>Layers of the output and what they are made of.</summary>
internal sealed record RecipeSlice(IReadOnlyList<RecipeSource> Sources, ModelReference? Base, Settings Parameters, LineColumn Place);

/// <summary>A part of the output: of everything, or of the tensors of a module.</summary>
internal sealed record RecipeModule(string? Name, IReadOnlyList<RecipeSlice> Slices, Settings Parameters, LineColumn Place)
{
    /// <summary>Whether a tensor belongs to it, by name; told by the models.</summary>
    public Func<string, bool> Holds { get; init; } = _ => true;
}

/// <summary>Another method where something matches.</summary>
internal sealed record RecipeRule(LayerSelector Selector, string Method, ModelReference? Source, Settings Parameters, LineColumn Place);

/// <summary>One document of a recipe, understood but not yet held against any model.</summary>
internal sealed record RecipeDocument
{
    public required string? Name { get; init; }

    public required string Method { get; init; }

    public required LineColumn MethodPlace { get; init; }

    public required ModelReference? Base { get; init; }

    public required IReadOnlyList<RecipeModule> Modules { get; init; }

    public required Settings Parameters { get; init; }

    public required DType? DType { get; init; }

    public required VocabularyPolicy Vocabulary { get; init; }

    public required TokenizerRequest? Tokenizer { get; init; }

    public required string? ChatTemplate { get; init; }

    /// <summary>Keys in it that no version does anything with any more.</summary>
    public IReadOnlyList<string> Obsolete { get; init; } = [];

    /// <summary>Whether packed experts are taken one by one.</summary>
    public bool ExpertsApart { get; init; }

    /// <summary>The stack that layers are counted in; null for the one that names suggest.</summary>
    public string? Stack { get; init; }

    public required IReadOnlyList<RecipeRule> Rules { get; init; }

    /// <summary>Beginnings of names that are replaced in the models that have them.</summary>
    public required IReadOnlyList<NamePrefix> Map { get; init; }

    /// <summary>All models referred to, each once.</summary>
    public IEnumerable<ModelReference> References => ((IEnumerable<ModelReference?>)
        [Base, .. Modules.SelectMany(m => m.Slices).SelectMany(s => s.Sources.Select(x => x.Model).Prepend(s.Base!)), .. Rules.Select(r => r.Source), .. Tokenizer?.References ?? []])
        .OfType<ModelReference>().DistinctBy(r => r.Path, StringComparer.Ordinal);
}

/// <summary>Whose vocabulary the output has, and where single tokens' rows come from.</summary>
internal sealed record TokenizerRequest
{
    /// <summary><c>union</c>, <c>base</c>, or a model's path.</summary>
    public required string Source { get; init; }

    public required ModelReference? Model { get; init; }

    public required IReadOnlyList<TokenRule> Tokens { get; init; }

    public required long PadTo { get; init; }

    public required LineColumn Place { get; init; }

    public IEnumerable<ModelReference?> References => Tokens.Select(t => t.Model).Prepend(Model);
}

/// <summary>Where one token's row comes from: a model's own, a model's row of another token, or zeros.</summary>
internal sealed record TokenRule(string Token, ModelReference? Model, string? OtherToken, long? OtherId, bool Zero, bool Force, LineColumn Place);
