using System.Globalization;
using YamlDotNet.RepresentationModel;

namespace LayerSwap.Recipes;

/// <summary>The tokenizer section, and its short form tokenizer_source.</summary>
internal sealed partial class RecipeReader
{
    private const int MaxPadTo = 1 << 20;

    private TokenizerRequest? Tokenizer(Dictionary<string, YamlNode> keys)
    {
        if (keys.TryGetValue("tokenizer_source", out YamlNode? shortForm) && YamlReader.GetText(shortForm) is { } shortSource)
        {
            if (keys.TryGetValue("tokenizer", out YamlNode? both))
            {
                _yaml.Add(both, "tokenizer and tokenizer_source are both there; one of them is expected.");
            }

            return new TokenizerRequest
            {
                Source = shortSource,
                Model = shortSource is "union" or "base" ? null : Model(shortForm, "tokenizer_source"),
                Tokens = [],
                PadTo = 1,
                Position = LineColumn.Of(shortForm.Start),
            };
        }

        if (!keys.TryGetValue("tokenizer", out YamlNode? node))
        {
            return null;
        }

        Dictionary<string, YamlNode> inner = _yaml.ReadMapping(node, "tokenizer", "source", "tokens", "pad_to_multiple_of");
        string source = inner.TryGetValue("source", out YamlNode? sourceNode)
            ? YamlReader.GetText(sourceNode) ?? Model(sourceNode, "source")?.Path ?? "base"
            : "union";
        return new TokenizerRequest
        {
            Source = source,
            Model = source is "union" or "base" ? null : Model(sourceNode, "source"),
            Tokens = inner.TryGetValue("tokens", out YamlNode? tokens) && !YamlReader.IsNull(tokens)
                ? [.. _yaml.ReadMapping(tokens, "tokens").Select(t => Token(t.Key, t.Value)).OfType<TokenRule>()]
                : [],
            PadTo = PadTo(inner.GetValueOrDefault("pad_to_multiple_of")),
            Position = LineColumn.Of(node.Start),
        };
    }

    private long PadTo(YamlNode? node)
    {
        if (node is null || YamlReader.GetText(node) is null || _yaml.ReadInteger(node, "pad_to_multiple_of") is not { } multiple)
        {
            return 1;
        }

        if (multiple is < 1 or > MaxPadTo)
        {
            _yaml.Add(node, $"pad_to_multiple_of is {multiple.ToString(CultureInfo.InvariantCulture)}; 1 or more is expected.");
        }

        return multiple;
    }

    private TokenRule? Token(string token, YamlNode node)
    {
        Dictionary<string, YamlNode> keys = _yaml.ReadMapping(node, $"token {Printable.Escape(token)}", "source", "force");
        bool force = keys.TryGetValue("force", out YamlNode? forced) && _yaml.ReadBoolean(forced, "force") == true;
        TokenRule rule = new(token, null, null, null, Zero: false, force, LineColumn.Of(node.Start));
        if (!keys.TryGetValue("source", out YamlNode? source) || YamlReader.IsNull(source))
        {
            return rule;
        }

        if (source is not YamlMappingNode mapping || !mapping.Children.Keys.Any(k => YamlReader.GetText(k) == "kind"))
        {
            return rule with { Model = Model(source, "source") };
        }

        Dictionary<string, YamlNode> inner = _yaml.ReadMapping(source, "source", "kind", "model", "token", "token_id");
        switch (YamlReader.GetText(inner.GetValueOrDefault("kind")))
        {
            case "zero":
                return rule with { Zero = true };
            case "model_token":
                long? id = inner.TryGetValue("token_id", out YamlNode? number) ? _yaml.ReadInteger(number, "token_id") : null;
                string? text = inner.TryGetValue("token", out YamlNode? word) ? YamlReader.GetText(word) : null;
                if (!inner.TryGetValue("model", out YamlNode? model) || (id is null) == (text is null))
                {
                    _yaml.Add(source, "a model_token needs model, and either token or token_id.");
                    return null;
                }

                return rule with { Model = Model(model, "model"), SourceToken = text, SourceId = id };
            default:
                _yaml.Add(inner["kind"], $"kind is {YamlReader.Describe(inner["kind"])}; zero or model_token is expected.");
                return null;
        }
    }
}
