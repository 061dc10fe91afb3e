using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace LayerSwap.Recipes;

/// <summary>
/// Limits nesting and the number of values, each alias counted with all the values it expands to. Without limits, deep nesting, alias
/// bombs and values that contain themselves overflow the stack or the memory, which cannot be caught.
/// </summary>
internal sealed class BoundedParser(IParser inner) : IParser
{
    /// <summary>The maximum nesting depth; a recipe needs about 10.</summary>
    public const int MaxDepth = 64;

    /// <summary>The maximum number of values with aliases expanded; about a second of reading.</summary>
    public const int MaxValues = 200_000;

    private readonly Dictionary<AnchorName, (long Values, int Height)> _anchors = [];
    private readonly Stack<OpenNode> _open = new();
    private long _values;

    public ParsingEvent? Current => inner.Current;

    public bool MoveNext()
    {
        if (!Next())
        {
            return false;
        }

        switch (inner.Current)
        {
            case DocumentStart:
                _anchors.Clear();
                break;
            case Scalar scalar:
                Add(scalar, 1, 0);
                if (!scalar.Anchor.IsEmpty)
                {
                    _anchors[scalar.Anchor] = (1, 0);
                }

                break;
            case MappingStart or SequenceStart:
                NodeEvent start = (NodeEvent)inner.Current;
                _open.Push(new OpenNode(start.Anchor, _values));
                Add(start, 1, 0);
                // An anchor has no value before its node ends.
                _anchors.Remove(start.Anchor);
                break;
            case MappingEnd or SequenceEnd:
                Close();
                break;
            case AnchorAlias alias:
                if (!_anchors.TryGetValue(alias.Value, out (long Values, int Height) anchor))
                {
                    throw new YamlException(alias.Start, alias.End,
                        $"the alias *{alias.Value} has no complete value before it; a value cannot contain itself.");
                }

                Add(alias, anchor.Values, anchor.Height);
                break;
        }

        return true;
    }

    /// <summary>Moves on, and reports the scanner's internal errors on invalid input as YAML errors.</summary>
    private bool Next()
    {
        try
        {
            return inner.MoveNext();
        }
        catch (Exception e)
            when (e is InvalidOperationException or ArgumentException or FormatException or OverflowException or IndexOutOfRangeException)
        {
            Mark before = Current?.End ?? Mark.Empty;
            throw new YamlException(before, before, "a value, key or mark is expected here.", e);
        }
    }

    private void Add(ParsingEvent node, long values, int height)
    {
        _values += values;
        if (_values > MaxValues)
        {
            throw new YamlException(node.Start, node.End,
                $"it has more than {MaxValues} values with aliases expanded (a limit of LayerSwap's own).");
        }

        if (_open.Count + height > MaxDepth)
        {
            throw new YamlException(node.Start, node.End, $"its values are nested more than {MaxDepth} deep (a limit of LayerSwap's own).");
        }

        if (_open.TryPeek(out OpenNode? parent))
        {
            parent.Height = Math.Max(parent.Height, height);
        }
    }

    private void Close()
    {
        OpenNode closed = _open.Pop();
        int height = closed.Height + 1;
        if (_open.TryPeek(out OpenNode? parent))
        {
            parent.Height = Math.Max(parent.Height, height);
        }

        if (!closed.Anchor.IsEmpty)
        {
            _anchors[closed.Anchor] = (_values - closed.ValuesBefore, height);
        }
    }

    /// <summary>A list or mapping before its end.</summary>
    private sealed class OpenNode(AnchorName anchor, long valuesBefore)
    {
        public AnchorName Anchor => anchor;

        public long ValuesBefore => valuesBefore;

        public int Height { get; set; }
    }
}
