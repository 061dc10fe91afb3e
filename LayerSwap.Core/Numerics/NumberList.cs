namespace LayerSwap.Numerics;

/// <summary>Doubles in arrays that are lent, held as singles for as long as every one of them is one: changes of weights nearly always are.</summary>
internal sealed class NumberList(ChunkPool pool)
{
    /// <summary>How many are looked at together.</summary>
    public const int Together = 512;

    private readonly ChunkList<float> _singles = new(pool);
    private readonly ChunkList<double> _doubles = new(pool);

    public int Count => _singles.Count + _doubles.Count;

    /// <summary>Adds numbers with all their bits.</summary>
    public void Add(ReadOnlySpan<double> numbers)
    {
        if (_doubles.Count == 0 && AreSingles(numbers))
        {
            while (!numbers.IsEmpty)
            {
                Span<float> room = _singles.Room(numbers.Length);
                for (int i = 0; i < room.Length; i++)
                {
                    room[i] = (float)numbers[i];
                }

                numbers = numbers[room.Length..];
            }
        }
        else if (!numbers.IsEmpty)
        {
            Widen();
            _doubles.Add(numbers);
        }
    }

    /// <summary>Adds singles.</summary>
    public void Add(ReadOnlySpan<float> numbers)
    {
        if (_doubles.Count == 0)
        {
            _singles.Add(numbers);
        }
        else
        {
            AddWidened(numbers);
        }
    }

    /// <summary>Copies numbers from any place on, <see cref="Together"/> at most.</summary>
    public void CopyTo(int start, Span<double> into)
    {
        if (_doubles.Count > 0)
        {
            _doubles.CopyTo(start, into);
            return;
        }

        Span<float> singles = stackalloc float[Together];
        singles = singles[..into.Length];
        _singles.CopyTo(start, singles);
        Widen(singles, into);
    }

    /// <summary>Adds all of another's after all of this.</summary>
    public void Append(NumberList other)
    {
        if (other._doubles.Count > 0)
        {
            Widen();
        }

        if (_doubles.Count + other._doubles.Count == 0)
        {
            _singles.Append(other._singles);
            return;
        }

        _doubles.Append(other._doubles);
        AddWidened(other._singles);
    }

    /// <summary>Gives the arrays back; the list is empty.</summary>
    public void Release()
    {
        _singles.Release();
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

    private void Widen()
    {
        AddWidened(_singles);
        _singles.Release();
    }

    private void AddWidened(ChunkList<float> singles)
    {
        for (int part = 0; part < singles.Parts; part++)
        {
            AddWidened(singles.Part(part));
        }
    }

    private void AddWidened(ReadOnlySpan<float> singles)
    {
        while (!singles.IsEmpty)
        {
            Span<double> room = _doubles.Room(singles.Length);
            Widen(singles[..room.Length], room);
            singles = singles[room.Length..];
        }
    }

    /// <summary>By the bits: a NaN may lose some of its own on the way to a single and back.</summary>
    private static bool AreSingles(ReadOnlySpan<double> numbers)
    {
        foreach (double number in numbers)
        {
            if (BitConverter.DoubleToUInt64Bits((float)number) != BitConverter.DoubleToUInt64Bits(number))
            {
                return false;
            }
        }

        return true;
    }
}
