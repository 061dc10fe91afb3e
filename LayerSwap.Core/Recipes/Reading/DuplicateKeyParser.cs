using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace LayerSwap.Recipes;

/// <summary>
/// Allows repeated top-level keys for constants (<c>const_tag: &amp;A one</c>, <c>const_tag: &amp;B two</c>): renames each repetition
/// to a unique key. Keys of the recipe grammar must not be repeated.
/// </summary>
/// <param name="inner">The parser.</param>
/// <param name="known">The keys of the recipe grammar.</param>
internal sealed class DuplicateKeyParser(IParser inner, IReadOnlyCollection<string> known) : IParser
{
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private int _depth;
    private bool _isKey;

    public ParsingEvent? Current { get; private set; }

    public bool MoveNext()
    {
        if (!inner.MoveNext())
        {
            Current = inner.Current;
            return false;
        }

        Current = inner.Current;
        switch (Current)
        {
            case DocumentStart:
                _seen.Clear();
                (_depth, _isKey) = (0, false);
                break;
            case MappingStart or SequenceStart:
                // The first child of the root is a key.
                _isKey = _depth == 0 && Current is MappingStart;
                _depth++;
                break;
            case MappingEnd or SequenceEnd:
                _depth--;
                _isKey = _depth == 1;
                break;
            case Scalar scalar when _depth == 1 && _isKey:
                if (!_seen.Add(scalar.Value) && !known.Contains(scalar.Value, StringComparer.Ordinal))
                {
                    string unique = $"{scalar.Value} ({_seen.Count})";
                    _seen.Add(unique);
                    Current = new Scalar(
                        scalar.Anchor,
                        scalar.Tag,
                        unique,
                        scalar.Style,
                        scalar.IsPlainImplicit,
                        scalar.IsQuotedImplicit,
                        scalar.Start,
                        scalar.End);
                }

                _isKey = false;
                break;
            case NodeEvent or AnchorAlias when _depth == 1:
                _isKey = true;
                break;
        }

        return true;
    }
}
