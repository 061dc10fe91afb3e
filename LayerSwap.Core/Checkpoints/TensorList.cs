using System.Runtime.CompilerServices;

namespace LayerSwap.Checkpoints;

/// <summary>Tensors in canonical order with a way to find one by name: what every checkpoint has.</summary>
internal sealed class TensorList
{
    private readonly TensorInfo[] _tensors;
    private readonly Dictionary<string, int> _index;

    public TensorList(IEnumerable<TensorInfo> tensors)
    {
        TensorInfo[] ordered = [.. tensors];
        if (!IsOrdered(ordered))
        {
            NaturalSort.Sort(ordered);
        }

        Ordered = _tensors = ordered;
        _index = new(ordered.Length, StringComparer.Ordinal);
        for (int i = 0; i < ordered.Length; i++)
        {
            _index.Add(ordered[i].Name, i);
        }
    }

    /// <summary>Of tensors in any order whose names are numbered already.</summary>
    public TensorList(TensorInfo[] tensors, Dictionary<string, int> index)
    {
        (_tensors, _index) = (tensors, index);
        TensorInfo[] ordered = tensors;
        if (!IsOrdered(ordered))
        {
            ordered = [.. tensors];
            NaturalSort.Sort(ordered);
        }

        Ordered = ordered;
    }

    public int IndexOf(string name) => _index[name];

    /// <summary>Most files are: what writes them sorts too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool IsOrdered(TensorInfo[] tensors)
    {
        for (int i = 1; i < tensors.Length; i++)
        {
            if (NaturalOrder.Instance.Compare(tensors[i - 1].Name, tensors[i].Name) > 0)
            {
                return false;
            }
        }

        return true;
    }

    public IReadOnlyList<TensorInfo> Ordered { get; }

    /// <summary>Whether two checkpoints have the same names; of one that is not in canonical order it may say no.</summary>
    public static bool SameNames(ICheckpoint one, ICheckpoint other) =>
        one == other || (one.Tensors.Count == other.Tensors.Count && one.Tensors.Select(t => t.Name).SequenceEqual(other.Tensors.Select(t => t.Name), StringComparer.Ordinal));

    public TensorInfo? Find(string name) => _index.TryGetValue(name, out int i) ? _tensors[i] : null;

    /// <summary>The tensor, with the window checked against its size.</summary>
    public TensorInfo Window(string checkpoint, string name, long offset, int length)
    {
        TensorInfo tensor = Find(name)
            ?? throw new ArgumentException($"{Printable.Escape(checkpoint)} has no tensor {Printable.Escape(name)}.", nameof(name));
        return offset >= 0 && offset <= tensor.ByteLength - length
            ? tensor
            : throw new ArgumentOutOfRangeException(
                nameof(offset), $"Bytes {offset} to {offset + length} of {Printable.Escape(name)}, which has {tensor.ByteLength}.");
    }
}
