using System.Collections.Concurrent;
using System.Numerics.Tensors;
using LayerSwap.Checkpoints;
using LayerSwap.Numerics;

namespace LayerSwap.Recipes;

/// <summary>
/// The source of each row of a token table: one row of a model, the mean of several, zeros, or (by default) the mean of all rows of the
/// model's own table.
/// </summary>
internal sealed class RowPlan(long rows)
{
    private const int NoModel = -1;

    private readonly int[] _model = NoModels(rows);
    private readonly long[] _row = new long[rows];
    private readonly Dictionary<long, (int Model, long Row)[]> _means = [];
    private readonly HashSet<long> _zeros = [];

    public long Rows => rows;

    public void Set(long row, params (int Model, long Row)[] sources)
    {
        if (sources.Length > 1)
        {
            _means[row] = sources;
        }
        else if (sources is [var source])
        {
            (_model[row], _row[row]) = source;
        }
    }

    public void SetZero(long row) => _zeros.Add(row);

    public bool IsZero(long row) => _zeros.Contains(row);

    /// <summary>Lists the rows whose mean a row is: none, one or several.</summary>
    public (int Model, long Row)[] SourcesOf(long row)
    {
        if (_means.TryGetValue(row, out (int, long)[]? several))
        {
            return several;
        }

        return _model[row] == NoModel ? [] : [(_model[row], _row[row])];
    }

    /// <summary>Counts the rows from this one on that are consecutive rows of one model; 1 if it is not one row of a model.</summary>
    public long CountRun(long row)
    {
        long run = 1;
        if (_model[row] == NoModel || _means.ContainsKey(row))
        {
            return run;
        }

        while (row + run < rows
            && _model[row + run] == _model[row]
            && _row[row + run] == _row[row] + run
            && !_means.ContainsKey(row + run))
        {
            run++;
        }

        return run;
    }

    private static int[] NoModels(long rows)
    {
        int[] models = new int[rows];
        Array.Fill(models, NoModel);
        return models;
    }
}

/// <summary>A view of a model whose token tables have the rows of another vocabulary.</summary>
internal sealed class RemappedRows : ICheckpoint, ICheckpointView
{
    /// <summary>Bytes to read at a time for the mean of all rows.</summary>
    private const int MeanBlock = 1 << 18;

    private readonly ICheckpoint _inner;
    private readonly RowPlan _plan;
    private readonly IReadOnlyList<ICheckpoint> _models;
    private readonly TensorList _tensors;
    private readonly HashSet<string> _tables;
    private readonly ConcurrentDictionary<string, Lazy<byte[]>> _means = new(StringComparer.Ordinal);

    /// <param name="inner">The model.</param>
    /// <param name="plan">The sources of its rows.</param>
    /// <param name="models">The models, in the order of the plan's indices.</param>
    /// <param name="tables">The names of the token tables.</param>
    public RemappedRows(ICheckpoint inner, RowPlan plan, IReadOnlyList<ICheckpoint> models, IEnumerable<string> tables)
    {
        _inner = inner;
        _plan = plan;
        _models = models;
        _tables = new HashSet<string>(tables, StringComparer.Ordinal);
        _tensors = new TensorList(inner.Tensors.Select(t =>
            _tables.Contains(t.Name) ? new TensorInfo(t.Name, t.DType, TokenTables.WithRows(t.Shape, plan.Rows)) : t));
        Files =
        [
            .. models.SelectMany(m => m.Files).DistinctBy(f => f.Path, StringComparer.Ordinal).Where(f => inner.Files.Contains(f)),
        ];
    }

    public ICheckpoint ConfigSource => _inner;

    public string Name => _inner.Name;

    public string? Folder => _inner.Folder;

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata => _inner.Metadata;

    public IReadOnlyList<CheckpointFile> Files { get; }

    public IReadOnlyList<string> Warnings => _inner.Warnings;

    public string? FileOf(string name) => _inner.FileOf(name);

    public DType DefaultDType(string name) => _inner.DefaultDType(name);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        if (!_tables.Contains(name))
        {
            _inner.Read(name, offset, destination);
            return;
        }

        TensorInfo tensor = _tensors.CheckRange(Name, name, offset, destination.Length);
        long rowBytes = tensor.ByteLength / _plan.Rows;
        while (!destination.IsEmpty)
        {
            long row = offset / rowBytes, within = offset % rowBytes;
            int count = (int)Math.Min(destination.Length, (_plan.CountRun(row) * rowBytes) - within);
            Fill(tensor, row, within, destination[..count]);
            destination = destination[count..];
            offset += count;
        }
    }

    public void Dispose()
    {
    }

    /// <summary>Fills bytes of a run of rows, from the byte offset <paramref name="within"/> its first row.</summary>
    private void Fill(TensorInfo tensor, long row, long within, Span<byte> destination)
    {
        (int Model, long Row)[] sources = _plan.SourcesOf(row);
        long rowBytes = tensor.ByteLength / _plan.Rows;
        if (_plan.IsZero(row))
        {
            destination.Clear();
        }
        else if (sources.Length == 0)
        {
            Lazy<byte[]> mean = _means.GetOrAdd(tensor.Name, name => new Lazy<byte[]>(() => MeanOfAll(_inner.Find(name)!)));
            mean.Value.AsSpan((int)within, destination.Length).CopyTo(destination);
        }
        else if (sources is [var single] && SourceOf(single.Model, tensor) is var source && source.DType == tensor.DType)
        {
            _models[single.Model].Read(source.Name, (single.Row * rowBytes) + within, destination);
        }
        else if (sources is [var converted])
        {
            for (long done = 0; done < destination.Length;)
            {
                long index = (within + done) / rowBytes, start = (within + done) % rowBytes;
                int count = (int)Math.Min(rowBytes - start, destination.Length - done);
                byte[] bytes = Mean(tensor, [(converted.Model, converted.Row + index)], rowBytes);
                bytes.AsSpan((int)start, count).CopyTo(destination[(int)done..]);
                done += count;
            }
        }
        else
        {
            Mean(tensor, sources, rowBytes).AsSpan((int)within, destination.Length).CopyTo(destination);
        }
    }

    /// <summary>Finds a model's table of the same name, or the embedding that a missing head is tied to.</summary>
    private TensorInfo SourceOf(int model, TensorInfo table) =>
        _models[model].Find(table.Name) ?? TokenTables.Find(_models[model]).First(t => t.Shape.Rank == table.Shape.Rank);

    /// <summary>Computes the mean of all rows of the model's own table: summed in float64, rounded once.</summary>
    private byte[] MeanOfAll(TensorInfo table)
    {
        long rows = TokenTables.CountRows(table.Shape);
        int width = checked((int)(table.ElementCount / Math.Max(rows, 1)));
        int rowBytes = width * table.DType.Bits() / 8;
        int blockRows = Math.Max(1, MeanBlock / Math.Max(rowBytes, 1));
        byte[] block = new byte[blockRows * rowBytes];
        // (blockRows, width), row-major.
        double[] values = new double[blockRows * width];
        double[] sum = new double[width];
        for (long row = 0; row < rows; row += blockRows)
        {
            int count = (int)Math.Min(blockRows, rows - row);
            Span<byte> bytes = block.AsSpan(0, count * rowBytes);
            _inner.Read(table.Name, row * rowBytes, bytes);
            ElementCodec.Widen(table.DType, bytes, values.AsSpan(0, count * width));
            for (int r = 0; r < count; r++)
            {
                TensorPrimitives.Add(sum, values.AsSpan(r * width, width), sum);
            }
        }

        TensorPrimitives.Divide(sum, (double)Math.Max(rows, 1), sum);
        byte[] mean = new byte[rowBytes];
        ElementCodec.Narrow(table.DType, sum, mean);
        return mean;
    }

    /// <summary>Computes the mean of rows: summed in float64, rounded once.</summary>
    private byte[] Mean(TensorInfo tensor, (int Model, long Row)[] sources, long rowBytes)
    {
        double[] sum = new double[rowBytes * 8 / tensor.DType.Bits()], values = new double[sum.Length];
        foreach ((int model, long row) in sources)
        {
            TensorInfo source = SourceOf(model, tensor);
            byte[] stored = new byte[sum.Length * source.DType.Bits() / 8];
            _models[model].Read(source.Name, row * stored.Length, stored);
            ElementCodec.Widen(source.DType, stored, values);
            for (int i = 0; i < sum.Length; i++)
            {
                sum[i] += values[i];
            }
        }

        for (int i = 0; i < sum.Length; i++)
        {
            sum[i] /= sources.Length;
        }

        byte[] bytes = new byte[rowBytes];
        ElementCodec.Narrow(tensor.DType, sum, bytes);
        return bytes;
    }
}
