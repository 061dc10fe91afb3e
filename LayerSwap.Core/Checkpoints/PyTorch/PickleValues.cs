namespace LayerSwap.Checkpoints.PyTorch;

// A pickle is read into null, bool, long, double, string and the records below. Nothing else is ever created.

/// <summary>A value that is allowed and has no meaning for weights, such as a set, a device, or a number above 64 bits.</summary>
internal sealed record PickleInert(string Description);

/// <summary>A tuple or list; a list grows while it is read.</summary>
internal sealed record PickleSequence(List<object?> Items, bool IsTuple);

/// <summary>A dictionary in insertion order.</summary>
internal sealed class PickleDictionary
{
    private readonly HashSet<object> _keys = [];

    public List<KeyValuePair<object?, object?>> Items { get; } = [];

    /// <returns>False if the key, a text or number, exists already.</returns>
    public bool TryAdd(object? key, object? value)
    {
        if (key is string or long or bool && !_keys.Add(key))
        {
            return false;
        }

        Items.Add(new(key, value));
        return true;
    }
}

/// <summary>A name of a Python function or class. It is compared with a list, and never looked up.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    public string Dotted => $"{Module}.{Name}";
}

/// <summary>A storage: elements of one type in the file.</summary>
/// <param name="Key">The name of its entry, a decimal number.</param>
/// <param name="DType">The type of its elements; null for an untyped storage, counted in bytes.</param>
/// <param name="TypeName">The type's name in torch, for errors.</param>
/// <param name="Count">The number of elements, or of bytes of an untyped storage.</param>
/// <param name="ViewOffset">The first element within the storage of the same key, in legacy files with views; else 0.</param>
internal sealed record TorchStorage(string Key, DType? DType, string TypeName, long Count, long ViewOffset);

/// <summary>A tensor: a view of a storage. Offsets and strides are in elements.</summary>
internal sealed record TorchTensor
{
    public required TorchStorage Storage { get; init; }

    /// <summary>Null if torch's type has no equal here; then <see cref="TypeName"/> says which.</summary>
    public required DType? DType { get; init; }

    public required string TypeName { get; init; }

    public required long Offset { get; init; }

    public required long[] Sizes { get; init; }

    public required long[] Strides { get; init; }

    /// <summary>Why the stored numbers are not the tensor's numbers, such as a conjugate view; null if they are.</summary>
    public required string? Reinterpreted { get; init; }
}
