using System.Runtime.CompilerServices;

namespace LayerSwap.Checkpoints;

/// <summary>The tensors of a checkpoint in natural order, with lookup by name.</summary>
internal sealed class TensorList
{
    private readonly TensorInfo[] _tensors;
    private readonly Dictionary<string, int> _index;

    public TensorList(IEnumerable<TensorInfo> tensors)
    {
        TensorInfo[] ordered = [.. tensors];
        if (!IsOrdered(ordered))
        {
            Array.Sort(ordered, (a, b) => NaturalOrder.Instance.Compare(a.Name, b.Name));
        }

        Ordered = _tensors = ordered;
        _index = new(ordered.Length, StringComparer.Ordinal);
        for (int i = 0; i < ordered.Length; i++)
        {
            _index.Add(ordered[i].Name, i);
        }
    }

    /// <summary>Creates a list with an existing index of names to positions in <paramref name="tensors"/>, which may be unsorted.</summary>
    public TensorList(TensorInfo[] tensors, Dictionary<string, int> index)
    {
        (_tensors, _index) = (tensors, index);
        TensorInfo[] ordered = tensors;
        if (!IsOrdered(ordered))
        {
            ordered = [.. tensors];
            Array.Sort(ordered, (a, b) => NaturalOrder.Instance.Compare(a.Name, b.Name));
        }

        Ordered = ordered;
    }

    public int IndexOf(string name) => _index[name];

    /// <summary>Whether no sort is needed, which is usual: most writers sort.</summary>
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

    /// <summary>Whether two checkpoints have the same names in the same order. False if one of them is not sorted.</summary>
    public static bool HaveSameNames(ICheckpoint one, ICheckpoint other)
    {
        if (one == other)
        {
            return true;
        }

        IEnumerable<string> names = one.Tensors.Select(t => t.Name), otherNames = other.Tensors.Select(t => t.Name);
        return one.Tensors.Count == other.Tensors.Count && names.SequenceEqual(otherNames, StringComparer.Ordinal);
    }

    public TensorInfo? Find(string name) => _index.TryGetValue(name, out int i) ? _tensors[i] : null;

    /// <summary>Finds a tensor and checks that it contains the bytes <c>[offset, offset + length)</c>.</summary>
    public TensorInfo CheckRange(string checkpoint, string name, long offset, int length)
    {
        TensorInfo tensor = Find(name)
            ?? throw new ArgumentException($"{Printable.Escape(checkpoint)} has no tensor {Printable.Escape(name)}.", nameof(name));
        return offset >= 0 && offset <= tensor.ByteLength - length
            ? tensor
            : throw new ArgumentOutOfRangeException(
                nameof(offset), $"Bytes {offset} to {offset + length} of {Printable.Escape(name)}, which has {tensor.ByteLength}.");
    }
}
