using System.Globalization;
using System.Numerics;
using System.Text;

namespace LayerSwap.Checkpoints.PyTorch;

/// <summary>
/// A pickle machine that can only build the values of PickleValues.cs. It reads protocols 2 to 5. Every other opcode and every global that
/// is not on its list is refused; nothing in a file is ever run.
/// </summary>
internal sealed class PickleReader(ByteSource source, PyTorchThrow error)
{
    private const int MaxProtocol = 5, MaxNameLength = 1024;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>Functions and classes whose results are allowed and mean nothing here.</summary>
    private static readonly HashSet<string> InertGlobals = new(StringComparer.Ordinal)
    {
        "torch.Size", "torch.device", "torch.serialization._get_layout", "collections.Counter", "__builtin__.set", "builtins.set",
        "_codecs.encode",
    };

    /// <summary>The most values of one file. A tensor takes about 15: a state dict of 300,000 tensors can be read.</summary>
    private const int MaxValues = 5_000_000;

    private readonly List<object?> _stack = [];

    /// <summary>The stack's length at each mark.</summary>
    private readonly Stack<int> _marks = [];
    private readonly Dictionary<uint, object?> _memo = [];
    private readonly Dictionary<string, TorchStorage> _storages = new(StringComparer.Ordinal);
    private int _values;

    /// <summary>The storages, by key, of all pickles read so far.</summary>
    public IReadOnlyDictionary<string, TorchStorage> Storages => _storages;

    /// <summary>Reads one pickle, up to and including STOP.</summary>
    public object? Read()
    {
        _stack.Clear();
        _marks.Clear();
        _memo.Clear();
        if (source.ReadByte() != 0x80)
        {
            throw Refuse("the first byte is not PROTO.");
        }

        if (source.ReadByte() is byte protocol and (< 2 or > MaxProtocol))
        {
            throw Refuse($"protocol {protocol}; 2 to {MaxProtocol} are read.");
        }

        while (true)
        {
            byte opcode = source.ReadByte();
            if (opcode == '.')
            {
                return _stack.Count == 1 && _marks.Count == 0
                    ? Pop()
                    : throw Refuse($"STOP with {_stack.Count} values on the stack; 1 is expected.");
            }

            Execute(opcode);
        }
    }

    private void Execute(byte opcode)
    {
        switch ((char)opcode)
        {
            case 'N': Push(null); break;
            case '\x88': Push(true); break;
            case '\x89': Push(false); break;
            case 'K': Push((long)source.ReadByte()); break;
            case 'M': Push((long)source.ReadUInt16()); break;
            case 'J': Push((long)source.ReadInt32()); break;
            case '\x8a': Push(ToInteger(source.ReadBytes(source.ReadByte()))); break;
            case 'G': Push(source.ReadDoubleBigEndian()); break;
            case 'X': Push(ToText(source.ReadBytes(source.ReadUInt32()))); break;
            case '\x8c': Push(ToText(source.ReadBytes(source.ReadByte()))); break;
            case '\x8d': Push(ToText(source.ReadBytes((ulong)source.ReadInt64()))); break;
            case 'B': PushBytes(source.ReadUInt32()); break;
            case 'C': PushBytes(source.ReadByte()); break;
            case '\x8e': PushBytes((ulong)source.ReadInt64()); break;
            case '(': _marks.Push(_stack.Count); break;
            case ')': Push(new PickleSequence([], IsTuple: true)); break;
            case '\x85': PushTuple(1); break;
            case '\x86': PushTuple(2); break;
            case '\x87': PushTuple(3); break;
            case 't': Push(new PickleSequence(PopToMark(), IsTuple: true)); break;
            case ']': Push(new PickleSequence([], IsTuple: false)); break;
            case 'a': Append([Pop()]); break;
            case 'e': Append(PopToMark()); break;
            case '}': Push(new PickleDictionary()); break;
            case 's': SetItems(PopLast(2)); break;
            case 'u': SetItems(PopToMark()); break;
            case '\x8f': Push(new PickleInert("set")); break;
            case '\x90': AddItems(); break;
            case 'q': _memo[source.ReadByte()] = Peek(); break;
            case 'r': _memo[source.ReadUInt32()] = Peek(); break;
            case '\x94': _memo[(uint)_memo.Count] = Peek(); break;
            case 'h': Push(Recall(source.ReadByte())); break;
            case 'j': Push(Recall(source.ReadUInt32())); break;
            case 'c': PushGlobal(ReadName(), ReadName()); break;
            case '\x93': PushGlobalFromStack(); break;
            case 'Q': Push(ToStorage(Pop())); break;
            case 'R': Reduce(); break;
            case 'b': Build(); break;
            case '\x95': CheckFrame(source.ReadInt64()); break;
            default:
                throw Refuse($"opcode 0x{opcode:X2}, which is not read.");
        }
    }

    private void Reduce()
    {
        object? arguments = Pop(), callee = Pop();
        if (callee is not PickleGlobal function || arguments is not PickleSequence { IsTuple: true } tuple)
        {
            throw Refuse("REDUCE of something that is no known function with a tuple.");
        }

        object?[] values = [.. tuple.Items];
        Push(function.Dotted switch
        {
            "collections.OrderedDict" => CreateDictionary(values),
            "torch._utils._rebuild_tensor_v2" => CreateTensor(values, hasDType: false),
            "torch._utils._rebuild_tensor_v3" => CreateTensor(values, hasDType: true),
            "torch._utils._rebuild_parameter" or "torch._utils._rebuild_parameter_with_state" when values is [TorchTensor data, ..] => data,
            _ when InertGlobals.Contains(function.Dotted) => new PickleInert(function.Dotted),
            _ => throw error.Global(source.Relative, function.Dotted),
        });
    }

    private PickleDictionary CreateDictionary(object?[] arguments)
    {
        PickleDictionary dictionary = new();
        if (arguments is [PickleSequence { IsTuple: false } pairs])
        {
            foreach (object? item in pairs.Items)
            {
                if (item is not PickleSequence { Items: [{ } key, var value] })
                {
                    throw Refuse("an OrderedDict of something that is no list of pairs.");
                }

                Add(dictionary, key, value);
            }
        }
        else if (arguments.Length > 0)
        {
            throw Refuse("an OrderedDict of something that is no list of pairs.");
        }

        return dictionary;
    }

    /// <summary>Arguments: storage, offset, sizes, strides, requires_grad, hooks, [dtype,] [metadata].</summary>
    private TorchTensor CreateTensor(object?[] arguments, bool hasDType)
    {
        int required = hasDType ? 7 : 6;
        if (arguments.Length < required || arguments.Length > required + 1 || arguments[0] is not TorchStorage storage
            || arguments[1] is not long offset || ToNumbers(arguments[2]) is not { } sizes || ToNumbers(arguments[3]) is not { } strides)
        {
            throw Refuse("a tensor that is not built from storage, offset, sizes and strides.");
        }

        (DType? dtype, string typeName) = (storage.DType, storage.TypeName);
        if (hasDType)
        {
            if (arguments[6] is not PickleGlobal type || !TorchTypes.IsDType(type))
            {
                throw Refuse("a tensor without a dtype.");
            }

            (dtype, typeName) = (TorchTypes.ToDType(type), type.Dotted);
        }

        return new TorchTensor
        {
            Storage = storage,
            DType = dtype,
            TypeName = typeName,
            Offset = offset,
            Sizes = sizes,
            Strides = strides,
            Reinterpreted = arguments.Length > required ? DescribeMetadata(arguments[required]) : null,
        };
    }

    /// <summary>Tensor metadata says that a view is conjugate or negative: then the stored numbers are not the tensor's.</summary>
    private static string? DescribeMetadata(object? metadata) => metadata switch
    {
        null => null,
        PickleDictionary entries => entries.Items.FirstOrDefault(e => e.Value is not false).Key is { } key ? $"it is a {key} view" : null,
        _ => "it has metadata of an unknown kind",
    };

    /// <summary>A persistent id: ("storage", type, key, location, count[, view]).</summary>
    private TorchStorage ToStorage(object? id)
    {
        if (id is not PickleSequence { IsTuple: true } tuple || tuple.Items.Count is < 5 or > 6
            || tuple.Items[0] is not "storage" || tuple.Items[1] is not PickleGlobal type || tuple.Items[2] is not string key
            || tuple.Items[3] is not string || tuple.Items[4] is not long count)
        {
            throw Refuse("a persistent id that is not (\"storage\", type, key, location, count).");
        }

        if (!TorchTypes.IsStorage(type))
        {
            throw error.Global(source.Relative, type.Dotted);
        }

        if (key.Length is 0 or > 20 || !key.All(char.IsAsciiDigit))
        {
            throw Refuse($"the storage key {Printable.Escape(key)}; a decimal number is expected.");
        }

        if (count < 0)
        {
            throw Refuse($"storage {key} with {count} elements.");
        }

        TorchStorage storage = new(key, TorchTypes.StorageDType(type), type.Name, count, ViewOffset: 0);
        if (!_storages.TryAdd(key, storage) && _storages[key] != storage)
        {
            throw Refuse($"storage {key} with two types or two lengths.");
        }

        return tuple.Items.Count == 6 ? ToView(storage, tuple.Items[5]) : storage;
    }

    /// <summary>A view of a legacy storage: (key, offset, size) in elements, or None.</summary>
    private TorchStorage ToView(TorchStorage storage, object? view)
    {
        if (view is null)
        {
            return storage;
        }

        if (view is not PickleSequence { IsTuple: true, Items: [string, long offset, long size] }
            || offset < 0 || size < 0 || offset > storage.Count - size)
        {
            throw Refuse($"a view that exceeds storage {storage.Key}.");
        }

        return storage with { Count = size, ViewOffset = offset };
    }

    private void Build()
    {
        Pop();
        // A state dict has _metadata, and inert values have attributes; both mean nothing here.
        if (Peek() is not (PickleDictionary or PickleInert))
        {
            throw Refuse($"BUILD on {(Peek() is TorchTensor ? "a tensor" : "something that is no dictionary")}.");
        }
    }

    private void PushGlobal(string module, string name)
    {
        PickleGlobal global = new(module, name);
        bool known = global.Dotted is "collections.OrderedDict" or "torch._utils._rebuild_tensor_v2" or "torch._utils._rebuild_tensor_v3"
                or "torch._utils._rebuild_parameter" or "torch._utils._rebuild_parameter_with_state"
            || InertGlobals.Contains(global.Dotted) || TorchTypes.IsStorage(global) || TorchTypes.IsDType(global);
        Push(known ? global : throw error.Global(source.Relative, global.Dotted));
    }

    private void PushGlobalFromStack()
    {
        object? name = Pop(), module = Pop();
        PushGlobal(
            module as string ?? throw Refuse("a global whose module is no text."),
            name as string ?? throw Refuse("a global whose name is no text."));
    }

    private void PushTuple(int count) => Push(new PickleSequence(PopLast(count), IsTuple: true));

    private void PushBytes(ulong length)
    {
        source.ReadBytes(length);
        Push(new PickleInert("bytes"));
    }

    private void Append(List<object?> items)
    {
        if (Peek() is not PickleSequence { IsTuple: false } list)
        {
            throw Refuse("APPEND to something that is no list.");
        }

        list.Items.AddRange(items);
    }

    private void AddItems()
    {
        PopToMark();
        if (Peek() is not PickleInert)
        {
            throw Refuse("ADDITEMS to something that is no set.");
        }
    }

    private void SetItems(List<object?> items)
    {
        if (Peek() is not PickleDictionary dictionary || items.Count % 2 != 0)
        {
            throw Refuse("SETITEM on something that is no dictionary, or without a value.");
        }

        for (int i = 0; i < items.Count; i += 2)
        {
            Add(dictionary, items[i], items[i + 1]);
        }
    }

    private void Add(PickleDictionary dictionary, object? key, object? value)
    {
        if (!dictionary.TryAdd(key, value))
        {
            throw Refuse($"a dictionary with the key {Printable.Escape(Convert.ToString(key, CultureInfo.InvariantCulture)!)} twice.");
        }
    }

    private void CheckFrame(long length)
    {
        if (length < 0 || length > source.Remaining)
        {
            throw Refuse($"a frame of {length} bytes, but {source.Remaining} are left.");
        }
    }

    private object? Recall(uint index) => _memo.TryGetValue(index, out object? value)
        ? value
        : throw Refuse($"memo {index}, which was never stored.");

    private void Push(object? value)
    {
        if (++_values > MaxValues)
        {
            throw Refuse($"more than {MaxValues} values (a limit of LayerSwap's own).");
        }

        _stack.Add(value);
    }

    private object? Peek() => Available > 0 ? _stack[^1] : throw Refuse("a value is missing on the stack.");

    private object? Pop()
    {
        object? value = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    /// <summary>The number of values above the last mark.</summary>
    private int Available => _stack.Count - (_marks.TryPeek(out int mark) ? mark : 0);

    private List<object?> PopLast(int count) =>
        Available >= count ? PopFrom(_stack.Count - count) : throw Refuse("values are missing on the stack.");

    private List<object?> PopToMark() => _marks.TryPop(out int mark) ? PopFrom(mark) : throw Refuse("a mark is missing on the stack.");

    private List<object?> PopFrom(int index)
    {
        List<object?> items = _stack[index..];
        _stack.RemoveRange(index, items.Count);
        return items;
    }

    private string ReadName() => ToText(source.ReadLine(MaxNameLength));

    private string ToText(byte[] bytes)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw Refuse("a text that is not valid UTF-8.");
        }
    }

    private static object ToInteger(byte[] bytes)
    {
        BigInteger number = new(bytes);
        return number >= long.MinValue && number <= long.MaxValue
            ? (long)number
            : new PickleInert(number.ToString(CultureInfo.InvariantCulture));
    }

    private static long[]? ToNumbers(object? value) =>
        value is PickleSequence { IsTuple: true } tuple && tuple.Items.All(i => i is long) ? [.. tuple.Items.Cast<long>()] : null;

    private CheckpointException Refuse(string message) => error.Pickle(source.Relative, message);
}
