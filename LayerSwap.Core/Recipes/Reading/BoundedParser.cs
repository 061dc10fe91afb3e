using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace LayerSwap.Recipes;

/// <summary>
/// Passes YAML on while it is of a size that can be read: an alias counts as all that it stands for. Nesting without end, a few lines of aliases that unfold to millions of values, and a value
/// that contains itself would else end the process, which cannot be caught.
/// </summary>
internal sealed class BoundedParser(IParser inner) : IParser
{
    /// <summary>A recipe needs ten.</summary>
    public const int Deepest = 64;

    /// <summary>Aliases unfolded; about what can be read in a second.</summary>
    public const int MostValues = 200_000;

    private readonly Dictionary<AnchorName, (long Values, int Height)> _anchors = [];
    private readonly Stack<Open> _open = new();
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
                _open.Push(new Open(start.Anchor, _values));
                Add(start, 1, 0);
                // Until its end there is nothing whole that the name could stand for.
                _anchors.Remove(start.Anchor);
                break;
            case MappingEnd or SequenceEnd:
                Close();
                break;
            case AnchorAlias alias:
                (long values, int height) = _anchors.TryGetValue(alias.Value, out (long, int) known) ? known
                    : throw new YamlException(alias.Start, alias.End, $"the alias *{alias.Value} has no value before it that is at its end; a value cannot contain itself.");
                Add(alias, values, height);
                break;
        }

        return true;
    }

    /// <summary>The scanner's own assertions, which it meets with on some inputs that are not YAML, become a verdict on the input.</summary>
    private bool Next()
    {
        try
        {
            return inner.MoveNext();
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or FormatException or OverflowException or IndexOutOfRangeException)
        {
            Mark before = Current?.End ?? Mark.Empty;
            throw new YamlException(before, before, "what follows here is no value, key or mark.", e);
        }
    }

    private void Add(ParsingEvent at, long values, int height)
    {
        _values += values;
        if (_values > MostValues)
        {
            throw new YamlException(at.Start, at.End, $"it has more than {MostValues} values, each alias counted as all that it stands for (a limit of LayerSwap's own).");
        }

        if (_open.Count + height > Deepest)
        {
            throw new YamlException(at.Start, at.End, $"its values are nested more than {Deepest} deep (a limit of LayerSwap's own).");
        }

        if (_open.TryPeek(out Open? top))
        {
            top.Height = Math.Max(top.Height, height);
        }
    }

    private void Close()
    {
        Open closed = _open.Pop();
        int height = closed.Height + 1;
        if (_open.TryPeek(out Open? outer))
        {
            outer.Height = Math.Max(outer.Height, height);
        }

        if (!closed.Anchor.IsEmpty)
        {
            _anchors[closed.Anchor] = (_values - closed.Before, height);
        }
    }

    /// <summary>A list or mapping whose end has not come.</summary>
    private sealed class Open(AnchorName anchor, long before)
    {
        public AnchorName Anchor => anchor;

        public long Before => before;

        public int Height { get; set; }
    }
}
