using System.Buffers;
using System.Collections.Frozen;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using LayerSwap.Numerics;

namespace LayerSwap.Checkpoints.Lora;

/// <summary>
/// A tensor of the base as the adapter changes it: replaced as a whole or in rows, then <c>W + scale * B * A</c>, then scaled by DoRA.
/// Values are float32, computed in float64 and rounded once; a merge rounds them to the base's dtype.
/// </summary>
internal sealed record AdaptedTensor
{
    /// <summary>The elements that are computed at a time.</summary>
    private const int BlockElements = 1 << 18;

    private readonly Lock _lock = new();
    private double[]? _directionScales;

    public required string Name { get; init; }

    public required TensorShape Shape { get; init; }

    /// <summary>The tensor in the view. Its dtype is float32 if anything is computed, or else that of its source.</summary>
    public TensorInfo Info => new(Name, IsComputed ? DType.Float32 : Source.Tensor.DType, Shape);

    /// <summary>The dtype that an output has by default: the base's.</summary>
    public required DType DefaultDType { get; init; }

    /// <summary>The values before the delta: of the base, or of a whole replacement.</summary>
    public required (ICheckpoint Checkpoint, TensorInfo Tensor) Source { get; init; }

    /// <summary>The replacement rows, by row number.</summary>
    public FrozenDictionary<long, float[]>? Rows { get; init; }

    /// <summary>The delta, for matrices.</summary>
    public Lazy<LowRankFactors>? Factors { get; init; }

    /// <summary>A vector to add, with its scale, for biases.</summary>
    public (float[] Values, double Scale)? Added { get; init; }

    /// <summary>The magnitudes of DoRA (arXiv:2402.09353), and whether there is one for each row or for each column.</summary>
    public (float[] Values, bool ByRow)? Magnitudes { get; init; }

    /// <summary>Whether anything is computed.</summary>
    public bool IsComputed => Rows is not null || Factors is not null || Added is not null;

    private int Width => (int)Shape[Shape.Rank - 1];

    /// <summary>Reads bytes of the tensor.</summary>
    public void Read(long offset, Span<byte> destination)
    {
        if (!IsComputed)
        {
            Source.Checkpoint.Read(Source.Tensor.Name, offset, destination);
            return;
        }

        if (offset % sizeof(float) == 0 && destination.Length % sizeof(float) == 0)
        {
            Compute(offset / sizeof(float), MemoryMarshal.Cast<byte, float>(destination));
            return;
        }

        // A range that cuts an element: compute whole elements, and copy the part.
        long first = offset / sizeof(float), end = (offset + destination.Length + sizeof(float) - 1) / sizeof(float);
        float[] whole = new float[end - first];
        Compute(first, whole);
        MemoryMarshal.AsBytes(whole.AsSpan()).Slice((int)(offset - (first * sizeof(float))), destination.Length).CopyTo(destination);
    }

    private void Compute(long first, Span<float> values)
    {
        if (Factors is null)
        {
            ReadSource(first, values);
            if (Added is var (added, scale))
            {
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = (float)(values[i] + (scale * added[first + i]));
                }
            }

            return;
        }

        // Compute whole rows, and copy the part.
        long firstRow = first / Width, endRow = (first + values.Length + Width - 1) / Width;
        int step = Math.Max(1, BlockElements / Width);
        double[] buffer = ArrayPool<double>.Shared.Rent(step * Width);
        for (long row = firstRow; row < endRow; row += step)
        {
            Span<double> sums = buffer.AsSpan(0, (int)Math.Min(step, endRow - row) * Width);
            ComputeRows(row, sums);
            if (Magnitudes is not null)
            {
                Scale(sums, row, GetDirectionScales());
            }

            long begin = Math.Max(first, row * Width), end = Math.Min(first + values.Length, (row * Width) + sums.Length);
            TensorPrimitives.ConvertTruncating<double, float>(
                sums.Slice((int)(begin - (row * Width)), (int)(end - begin)),
                values[(int)(begin - first)..]);
        }

        ArrayPool<double>.Shared.Return(buffer);
    }

    /// <summary>Computes <c>W + scale * B * A</c> for whole rows.</summary>
    private void ComputeRows(long row, Span<double> sums)
    {
        float[] buffer = ArrayPool<float>.Shared.Rent(sums.Length);
        Span<float> source = buffer.AsSpan(0, sums.Length);
        ReadSource(row * Width, source);
        TensorPrimitives.ConvertTruncating<float, double>(source, sums);
        ArrayPool<float>.Shared.Return(buffer);
        Factors!.Value.AddRows(row, sums);
    }

    private void ReadSource(long first, Span<float> values)
    {
        (ICheckpoint checkpoint, TensorInfo tensor) = Source;
        int bytes = tensor.DType.Bits() / 8;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(values.Length * bytes);
        Span<byte> stored = buffer.AsSpan(0, values.Length * bytes);
        checkpoint.Read(tensor.Name, first * bytes, stored);
        ElementCodec.Widen(tensor.DType, stored, values);
        ArrayPool<byte>.Shared.Return(buffer);
        if (Rows is null)
        {
            return;
        }

        for (long row = first / Width; row * Width < first + values.Length; row++)
        {
            if (Rows.TryGetValue(row, out float[]? replaced))
            {
                long begin = Math.Max(first, row * Width), end = Math.Min(first + values.Length, (row + 1) * Width);
                replaced.AsSpan((int)(begin - (row * Width)), (int)(end - begin)).CopyTo(values[(int)(begin - first)..]);
            }
        }
    }

    private void Scale(Span<double> sums, long firstRow, double[] scales)
    {
        for (int row = 0; row < sums.Length / Width; row++)
        {
            Span<double> values = sums.Slice(row * Width, Width);
            if (Magnitudes!.Value.ByRow)
            {
                TensorPrimitives.Multiply(values, scales[firstRow + row], values);
            }
            else
            {
                TensorPrimitives.Multiply<double>(values, scales, values);
            }
        }
    }

    /// <summary>Gets magnitude / norm of each row or column of <c>W + scale * B * A</c>, computed once in a pass of its own.</summary>
    private double[] GetDirectionScales()
    {
        lock (_lock)
        {
            return _directionScales ??= ComputeDirectionScales(Magnitudes!.Value.Values, Magnitudes.Value.ByRow);
        }
    }

    private double[] ComputeDirectionScales(float[] magnitudes, bool byRow)
    {
        double[] squares = new double[magnitudes.Length], product = new double[Width];
        long rows = Shape.ElementCount / Width;
        int step = Math.Max(1, BlockElements / Width);
        double[] sums = new double[step * Width];
        for (long row = 0; row < rows; row += step)
        {
            int count = (int)Math.Min(step, rows - row);
            ComputeRows(row, sums.AsSpan(0, count * Width));
            for (int r = 0; r < count; r++)
            {
                ReadOnlySpan<double> values = sums.AsSpan(r * Width, Width);
                if (byRow)
                {
                    squares[row + r] = TensorPrimitives.SumOfSquares(values);
                }
                else
                {
                    TensorPrimitives.Multiply(values, values, product);
                    TensorPrimitives.Add<double>(squares, product, squares);
                }
            }
        }

        return [.. squares.Select((s, i) => magnitudes[i] / Math.Sqrt(s))];
    }
}
