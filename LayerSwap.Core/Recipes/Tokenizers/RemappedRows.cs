using System.Collections.Concurrent;
using System.Numerics.Tensors;
using LayerSwap.Checkpoints;
using LayerSwap.Numerics;
using LayerSwap.Streaming;

namespace LayerSwap.Recipes;

/// <summary>Where each row of a table of tokens comes from: a model's row, the mean of several models' rows, zeros, or nowhere, which is the mean of all of the model's own rows.</summary>
internal sealed class RowPlan(long rows)
{
    private readonly int[] _model = Filled(rows);
    private readonly long[] _row = new long[rows];
    private readonly Dictionary<long, (int Model, long Row)[]> _means = [];
    private readonly HashSet<long> _zeros = [];

    public long Rows => rows;

    public void Set(long row, params (int Model, long Row)[] from)
    {
        if (from.Length > 1)
        {
            _means[row] = from;
        }
        else if (from.Length == 1)
        {
            (_model[row], _row[row]) = from[0];
        }
    }

    public void SetZero(long row) => _zeros.Add(row);

    public bool IsZero(long row) => _zeros.Contains(row);

    /// <summary>The rows that a row is the mean of: none, one or several.</summary>
    public (int Model, long Row)[] Of(long row) => _means.TryGetValue(row, out (int, long)[]? several) ? several : _model[row] < 0 ? [] : [(_model[row], _row[row])];

    /// <summary>How many rows from this one on follow each other in one model; 1 where it is not a model's own.</summary>
    public long RunFrom(long row)
    {
        long run = 1;
        if (_model[row] >= 0 && !_means.ContainsKey(row))
        {
            while (row + run < rows && _model[row + run] == _model[row] && _row[row + run] == _row[row] + run && !_means.ContainsKey(row + run))
            {
                run++;
            }
        }

        return run;
    }

    private static int[] Filled(long rows)
    {
        int[] models = new int[rows];
        Array.Fill(models, -1);
        return models;
    }
}

/// <summary>A view of a model whose tables of tokens have the rows of another vocabulary.</summary>
internal sealed class RemappedRows : ICheckpoint, ICheckpointView
{
    /// <summary>Bytes read at a time for a mean of all rows.</summary>
    private const int MeanBlock = 1 << 18;

    private readonly ICheckpoint _inner;
    private readonly RowPlan _plan;
    private readonly IReadOnlyList<ICheckpoint> _models;
    private readonly TensorList _tensors;
    private readonly HashSet<string> _tables;
    private readonly ConcurrentDictionary<string, Lazy<byte[]>> _means = new(StringComparer.Ordinal);

    /// <param name="inner">The model.</param>
    /// <param name="plan">Its rows.</param>
    /// <param name="models">The models that the plan counts.</param>
    /// <param name="tables">The names of the tables.</param>
    public RemappedRows(ICheckpoint inner, RowPlan plan, IReadOnlyList<ICheckpoint> models, IEnumerable<string> tables)
    {
        _inner = inner;
        _plan = plan;
        _models = models;
        _tables = new HashSet<string>(tables, StringComparer.Ordinal);
        _tensors = new TensorList(inner.Tensors.Select(t => _tables.Contains(t.Name) ? new TensorInfo(t.Name, t.DType, TokenTables.WithRows(t.Shape, plan.Rows)) : t));
        Files = [.. models.SelectMany(m => m.Files).DistinctBy(f => f.Path, StringComparer.Ordinal).Where(f => inner.Files.Contains(f))];
    }

    public ICheckpoint Donor => _inner;

    public string Name => _inner.Name;

    public string? Folder => _inner.Folder;

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata => _inner.Metadata;

    public IReadOnlyList<CheckpointFile> Files { get; }

    public string? FileOf(string name) => _inner.FileOf(name);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        if (!_tables.Contains(name))
        {
            _inner.Read(name, offset, destination);
            return;
        }

        TensorInfo tensor = _tensors.Window(Name, name, offset, destination.Length);
        long rowBytes = tensor.ByteLength / _plan.Rows;
        while (!destination.IsEmpty)
        {
            long row = offset / rowBytes, within = offset % rowBytes;
            int count = (int)Math.Min(destination.Length, (_plan.RunFrom(row) * rowBytes) - within);
            Fill(tensor, row, within, destination[..count]);
            destination = destination[count..];
            offset += count;
        }
    }

    public void Dispose()
    {
    }

    private void Fill(TensorInfo tensor, long row, long within, Span<byte> destination)
    {
        (int Model, long Row)[] from = _plan.Of(row);
        long rowBytes = tensor.ByteLength / _plan.Rows;
        if (_plan.IsZero(row))
        {
            destination.Clear();
        }
        else if (from.Length == 0)
        {
            _means.GetOrAdd(tensor.Name, name => new Lazy<byte[]>(() => MeanOfAll(_inner.Find(name)!))).Value.AsSpan((int)within, destination.Length).CopyTo(destination);
        }
        else if (from.Length == 1 && SourceOf(from[0].Model, tensor) is var source && source.DType == tensor.DType)
        {
            _models[from[0].Model].Read(source.Name, (from[0].Row * rowBytes) + within, destination);
        }
        else if (from.Length == 1)
        {
            // In another dtype, row by row.
            for (long at = 0; at < destination.Length;)
            {
                long own = (within + at) / rowBytes, start = (within + at) % rowBytes, count = Math.Min(rowBytes - start, destination.Length - at);
                Mean(tensor, [(from[0].Model, from[0].Row + own)], rowBytes).AsSpan((int)start, (int)count).CopyTo(destination[(int)at..]);
                at += count;
            }
        }
        else
        {
            Mean(tensor, from, rowBytes).AsSpan((int)within, destination.Length).CopyTo(destination);
        }
    }

    /// <summary>The table of a model that stands for one of this: its own, or where it has no head, its embedding, to which the head is tied.</summary>
    private TensorInfo SourceOf(int model, TensorInfo table) => _models[model].Find(table.Name) ?? TokenTables.Of(_models[model]).First(t => t.Shape.Rank == table.Shape.Rank);

    /// <summary>The mean of all rows of the model's own table: summed in doubles, rounded once.</summary>
    private byte[] MeanOfAll(TensorInfo table)
    {
        long rows = TokenTables.RowsOf(table.Shape);
        int width = checked((int)(table.ElementCount / Math.Max(rows, 1))), bytes = width * table.DType.Bits() / 8, together = Math.Max(1, MeanBlock / Math.Max(bytes, 1));
        byte[] block = new byte[together * bytes];
        double[] sum = new double[width], one = new double[together * width];
        for (long row = 0; row < rows; row += together)
        {
            int count = (int)Math.Min(together, rows - row);
            _inner.Read(table.Name, row * bytes, block.AsSpan(0, count * bytes));
            ElementCodec.Widen(table.DType, block.AsSpan(0, count * bytes), one.AsSpan(0, count * width));
            for (int r = 0; r < count; r++)
            {
                TensorPrimitives.Add(sum, one.AsSpan(r * width, width), sum);
            }
        }

        TensorPrimitives.Divide(sum, (double)Math.Max(rows, 1), sum);
        byte[] mean = new byte[bytes];
        ElementCodec.Narrow(table.DType, sum, mean);
        return mean;
    }

    /// <summary>The mean of rows: summed in doubles, rounded once.</summary>
    private byte[] Mean(TensorInfo tensor, (int Model, long Row)[] from, long rowBytes)
    {
        double[] sum = new double[rowBytes * 8 / tensor.DType.Bits()], one = new double[sum.Length];
        foreach ((int model, long row) in from)
        {
            TensorInfo source = SourceOf(model, tensor);
            byte[] own = new byte[sum.Length * source.DType.Bits() / 8];
            _models[model].Read(source.Name, row * own.Length, own);
            ElementCodec.Widen(source.DType, own, one);
            for (int i = 0; i < sum.Length; i++)
            {
                sum[i] += one[i];
            }
        }

        for (int i = 0; i < sum.Length; i++)
        {
            sum[i] /= from.Length;
        }

        byte[] bytes = new byte[rowBytes];
        ElementCodec.Narrow(tensor.DType, sum, bytes);
        return bytes;
    }
}
