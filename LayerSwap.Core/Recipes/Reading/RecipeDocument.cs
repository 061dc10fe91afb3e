using YamlDotNet.Core;

namespace LayerSwap.Recipes;

/// <summary>A position in the recipe's text; line and column start at 1.</summary>
internal readonly record struct LineColumn(long Line, long Column)
{
    public static LineColumn Of(Mark mark) => new(mark.Line, mark.Column);

    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"line {Line}, column {Column}");
}

/// <summary>A value of a setting, or a gradient over layers, for tensors whose names contain the filter; null for all.</summary>
internal sealed record SettingValue(string? Filter, double[] Gradient, LineColumn Position);

/// <summary>A parameter as written: numbers, or text for the few parameters that are words.</summary>
internal sealed record Setting(string Name, IReadOnlyList<SettingValue> Values, string? Text, LineColumn Position);

/// <summary>Parameters by name.</summary>
internal sealed class Settings : Dictionary<string, Setting>
{
    public Settings()
        : base(StringComparer.Ordinal)
    {
    }
}

/// <summary>A reference to a model, as written.</summary>
internal sealed record ModelReference(string Path, LineColumn Position);

/// <summary>A model of a slice, or of a whole merge if there is no layer range.</summary>
internal sealed record RecipeSource(ModelReference Model, (int Start, int End)? Layers, Settings Parameters, LineColumn Position);

/// <summary>Consecutive layers of the output, and the models they are merged from.</summary>
internal sealed record RecipeSlice(IReadOnlyList<RecipeSource> Sources, ModelReference? Base, Settings Parameters, LineColumn Position);

/// <summary>A module of the output; a null name is the whole model or the default module.</summary>
internal sealed record RecipeModule(string? Name, IReadOnlyList<RecipeSlice> Slices, Settings Parameters, LineColumn Position)
{
    /// <summary>Whether a tensor belongs to the module, by name; set when the models are known.</summary>
    public Func<string, bool> Contains { get; init; } = _ => true;
}

/// <summary>A merge method for the tensors that a selector matches.</summary>
internal sealed record RecipeRule(LayerSelector Selector, string Method, ModelReference? Source, Settings Parameters, LineColumn Position);

/// <summary>One parsed document of a recipe, not yet checked against any model.</summary>
internal sealed record RecipeDocument
{
    public required string? Name { get; init; }

    public required string Method { get; init; }

    public required LineColumn MethodPosition { get; init; }

    public required ModelReference? Base { get; init; }

    public required IReadOnlyList<RecipeModule> Modules { get; init; }

    public required Settings Parameters { get; init; }

    public required DType? DType { get; init; }

    public required VocabularyPolicy Vocabulary { get; init; }

    public required TokenizerRequest? Tokenizer { get; init; }

    public required string? ChatTemplate { get; init; }

    /// <summary>Keys in the document that have no effect in current versions.</summary>
    public IReadOnlyList<string> ObsoleteKeys { get; init; } = [];

    /// <summary>Whether to split packed experts into one tensor each.</summary>
    public bool SplitsExperts { get; init; }

    /// <summary>The stack that layer numbers refer to; null for the one that names suggest.</summary>
    public string? Stack { get; init; }

    public required IReadOnlyList<RecipeRule> Rules { get; init; }

    /// <summary>Name prefixes to replace in the models that have them.</summary>
    public required IReadOnlyList<NamePrefix> NamePrefixes { get; init; }

    /// <summary>All models referred to, distinct by path.</summary>
    public IEnumerable<ModelReference> References
    {
        get
        {
            IEnumerable<ModelReference?> all =
            [
                Base,
                .. Modules.SelectMany(m => m.Slices).SelectMany(s => s.Sources.Select(x => x.Model).Prepend(s.Base!)),
                .. Rules.Select(r => r.Source),
                .. Tokenizer?.References ?? [],
            ];
            return all.OfType<ModelReference>().DistinctBy(r => r.Path, StringComparer.Ordinal);
        }
    }
}

/// <summary>The tokenizer section: the source of the vocabulary, and rules for the rows of single tokens.</summary>
internal sealed record TokenizerRequest
{
    /// <summary><c>union</c>, <c>base</c>, or a model's path.</summary>
    public required string Source { get; init; }

    public required ModelReference? Model { get; init; }

    public required IReadOnlyList<TokenRule> Tokens { get; init; }

    public required long PadTo { get; init; }

    public required LineColumn Position { get; init; }

    public IEnumerable<ModelReference?> References => Tokens.Select(t => t.Model).Prepend(Model);
}

/// <summary>The source of one token's row: a model's row of this or another token, or zeros.</summary>
internal sealed record TokenRule(
    string Token, ModelReference? Model, string? SourceToken, long? SourceId, bool Zero, bool Force, LineColumn Position);
