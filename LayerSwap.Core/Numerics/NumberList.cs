namespace LayerSwap.Numerics;

/// <summary>
/// Doubles in arrays that are lent, held as singles: changes of weights nearly always are. The few that are none stand beside with their places; where they are more than a few, all are held as
/// doubles.
/// </summary>
internal sealed class NumberList(ChunkPool pool)
{
    /// <summary>How many are looked at together.</summary>
    public const int Together = 512;

    /// <summary>Where one of so many numbers is no single there are still few: one takes five times the room of one that is. And so many are few in any case.</summary>
    private const int Rare = 16, Few = 512;

    /// <summary>All, or none where there are doubles; in the place of what is no single, the nearest.</summary>
    private readonly ChunkList<float> _singles = new(pool);

    /// <summary>What is no single, in the order of the places.</summary>
    private readonly ChunkList<Other> _others = new(pool);

    /// <summary>All, or none.</summary>
    private readonly ChunkList<double> _doubles = new(pool);

    public int Count => _singles.Count + _doubles.Count;

    /// <summary>Adds numbers with all their bits.</summary>
    public void Add(ReadOnlySpan<double> numbers)
    {
        while (_doubles.Count == 0 && !numbers.IsEmpty)
        {
            int before = _singles.Count;
            Span<float> room = _singles.Room(Math.Min(numbers.Length, Together));
            for (int i = 0; i < room.Length; i++)
            {
                room[i] = (float)numbers[i];
                // By the bits: a NaN may lose some of its own on the way to a single and back.
                if (BitConverter.DoubleToUInt64Bits(room[i]) != BitConverter.DoubleToUInt64Bits(numbers[i]))
                {
                    _others.Add(new Other(before + i, numbers[i]));
                }
            }

            numbers = numbers[room.Length..];
            WidenIfMany();
        }

        _doubles.Add(numbers);
    }

    /// <summary>Adds singles.</summary>
    public void Add(ReadOnlySpan<float> numbers)
    {
        if (_doubles.Count == 0)
        {
            _singles.Add(numbers);
            return;
        }

        while (!numbers.IsEmpty)
        {
            Span<double> room = _doubles.Room(numbers.Length);
            Widen(numbers[..room.Length], room);
            numbers = numbers[room.Length..];
        }
    }

    /// <summary>Copies numbers from any place on, <see cref="Together"/> at most.</summary>
    public void CopyTo(int start, Span<double> into)
    {
        // Where they are being widened there are both.
        if (_singles.Count == 0)
        {
            _doubles.CopyTo(start, into);
            return;
        }

        Span<float> singles = stackalloc float[Together];
        singles = singles[..into.Length];
        _singles.CopyTo(start, singles);
        Widen(singles, into);
        for (int i = FirstOther(start); i < _others.Count && _others[i].Place < start + into.Length; i++)
        {
            into[_others[i].Place - start] = _others[i].Number;
        }
    }

    /// <summary>Adds all of another's after all of this.</summary>
    public void Append(NumberList other)
    {
        if (_doubles.Count + other._doubles.Count == 0)
        {
            int before = Count;
            _singles.Append(other._singles);
            for (int i = 0; i < other._others.Count; i++)
            {
                _others.Add(other._others[i] with { Place = before + other._others[i].Place });
            }

            WidenIfMany();
            return;
        }

        Widen();
        AddWidened(other);
    }

    /// <summary>Gives the arrays back; the list is empty.</summary>
    public void Release()
    {
        _singles.Release();
        _others.Release();
        _doubles.Release();
    }

    /// <summary>Singles as doubles. A loop of our own: the library's general conversion takes longer to be compiled than most models' lists to be read.</summary>
    public static void Widen(ReadOnlySpan<float> singles, Span<double> into)
    {
        into = into[..singles.Length];
        for (int i = 0; i < singles.Length; i++)
        {
            into[i] = singles[i];
        }
    }

    private void WidenIfMany()
    {
        if (_others.Count > Few && _others.Count > Count / Rare)
        {
            Widen();
        }
    }

    private void Widen()
    {
        if (_doubles.Count == 0)
        {
            AddWidened(this);
            _singles.Release();
            _others.Release();
        }
    }

    private void AddWidened(NumberList numbers)
    {
        Span<double> room = stackalloc double[Together];
        for (int at = 0, count = numbers.Count; at < count; at += Together)
        {
            Span<double> piece = room[..Math.Min(Together, count - at)];
            numbers.CopyTo(at, piece);
            _doubles.Add(piece);
        }
    }

    /// <summary>The first of those beside that lies at a place or after it.</summary>
    private int FirstOther(int place)
    {
        int low = 0, high = _others.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _others[middle].Place < place ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private readonly record struct Other(int Place, double Number);
}
