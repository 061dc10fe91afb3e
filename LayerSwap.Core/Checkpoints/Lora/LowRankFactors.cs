using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Checkpoints.Lora;

/// <summary>
/// A delta as a product of two thin matrices, for each of several matrices stored one after another: <c>scale * Left * Right</c>, with Left
/// (matrices, rows, rank) and Right (matrices, rank, columns), row-major, in the base's orientation.
/// </summary>
internal sealed class LowRankFactors(float[] left, float[] right, int rank, long rows, long columns, double scale)
{
    /// <summary>The elements of Right that are kept as float64 at a time: small enough for the processor's cache.</summary>
    private const int TileElements = 16 * 1024, MinTileColumns = 64;

    public long Rows => rows;

    public long Columns => columns;

    /// <summary>Whether two deltas are equal, factor by factor.</summary>
    public bool IsEqualTo(LowRankFactors other) => scale.Equals(other.Scale) && left.AsSpan().SequenceEqual(other.Left)
        && right.AsSpan().SequenceEqual(other.Right);

    private double Scale => scale;

    private float[] Left => left;

    private float[] Right => right;

    /// <summary>Adds whole rows of the delta. The sum over the rank is in float64, each product and sum rounded together.</summary>
    /// <param name="firstRow">The first row, counted through all matrices.</param>
    /// <param name="values">Rows of the base, (rows, columns); receives the sums.</param>
    public void AddRows(long firstRow, Span<double> values)
    {
        int width = (int)columns, count = values.Length / width;
        int tile = Math.Min(width, Math.Max(MinTileColumns, TileElements / rank));
        double[] rightTile = ArrayPool<double>.Shared.Rent(rank * tile), factors = ArrayPool<double>.Shared.Rent(2 * rank);
        for (int done = 0; done < count;)
        {
            long matrix = (firstRow + done) / rows;
            int part = (int)Math.Min(count - done, rows - ((firstRow + done) % rows));
            for (int column = 0; column < width; column += tile)
            {
                int length = Math.Min(tile, width - column);
                for (int k = 0; k < rank; k++)
                {
                    ReadOnlySpan<float> source = right.AsSpan((int)((((matrix * rank) + k) * columns) + column), length);
                    TensorPrimitives.ConvertTruncating<float, double>(source, rightTile.AsSpan(k * length, length));
                }

                for (int row = done; row < done + part; row += 2)
                {
                    bool both = row + 1 < done + part;
                    ScaleLeft(firstRow + row, factors.AsSpan(0, rank));
                    Span<double> first = values.Slice((row * width) + column, length);
                    Span<double> second = both ? values.Slice(((row + 1) * width) + column, length) : default;
                    if (both)
                    {
                        ScaleLeft(firstRow + row + 1, factors.AsSpan(rank, rank));
                    }

                    AddProducts(rightTile, factors.AsSpan(0, both ? 2 * rank : rank), first, second);
                }
            }

            done += part;
        }

        ArrayPool<double>.Shared.Return(rightTile);
        ArrayPool<double>.Shared.Return(factors);
    }

    /// <summary>Computes <c>scale * Left</c> of one row.</summary>
    private void ScaleLeft(long row, Span<double> factors)
    {
        for (int k = 0; k < factors.Length; k++)
        {
            factors[k] = scale * left[(row * factors.Length) + k];
        }
    }

    /// <summary>
    /// Adds factors x right to one or two rows, 16 columns at a time, so that the sums stay in registers. Each step is fused, which gives
    /// the same bytes on every processor.
    /// </summary>
    /// <param name="right">A tile of Right, (rank, columns).</param>
    /// <param name="factors">The factors of the first row, followed by the factors of the second.</param>
    /// <param name="first">A row.</param>
    /// <param name="second">Another row, or empty.</param>
    private void AddProducts(ReadOnlySpan<double> right, ReadOnlySpan<double> factors, Span<double> first, Span<double> second)
    {
        int length = first.Length, column = 0, lanes = Vector256<double>.Count;
        ref double source = ref MemoryMarshal.GetReference(right);
        if (!second.IsEmpty)
        {
            ref double one = ref MemoryMarshal.GetReference(first), two = ref MemoryMarshal.GetReference(second);
            for (; column <= length - (4 * lanes); column += 4 * lanes)
            {
                nuint at = (nuint)column;
                Vector256<double> a = Load(ref one, at), b = Load(ref one, at + 4), c = Load(ref one, at + 8), d = Load(ref one, at + 12);
                Vector256<double> e = Load(ref two, at), f = Load(ref two, at + 4), g = Load(ref two, at + 8), h = Load(ref two, at + 12);
                for (int k = 0; k < rank; k++)
                {
                    nuint place = (nuint)((k * length) + column);
                    Vector256<double> p = Vector256.Create(factors[k]), q = Vector256.Create(factors[rank + k]);
                    Vector256<double> r = Load(ref source, place), s = Load(ref source, place + 4);
                    a = Vector256.FusedMultiplyAdd(p, r, a);
                    e = Vector256.FusedMultiplyAdd(q, r, e);
                    b = Vector256.FusedMultiplyAdd(p, s, b);
                    f = Vector256.FusedMultiplyAdd(q, s, f);
                    (r, s) = (Load(ref source, place + 8), Load(ref source, place + 12));
                    c = Vector256.FusedMultiplyAdd(p, r, c);
                    g = Vector256.FusedMultiplyAdd(q, r, g);
                    d = Vector256.FusedMultiplyAdd(p, s, d);
                    h = Vector256.FusedMultiplyAdd(q, s, h);
                }

                Store(ref one, at, a, b, c, d);
                Store(ref two, at, e, f, g, h);
            }

            AddScalar(right, factors[rank..], second, column);
        }

        AddScalar(right, factors[..rank], first, column);

        static Vector256<double> Load(ref double start, nuint at) => Vector256.LoadUnsafe(ref start, at);

        static void Store(
            ref double start, nuint at, Vector256<double> a, Vector256<double> b, Vector256<double> c, Vector256<double> d)
        {
            a.StoreUnsafe(ref start, at);
            b.StoreUnsafe(ref start, at + 4);
            c.StoreUnsafe(ref start, at + 8);
            d.StoreUnsafe(ref start, at + 12);
        }
    }

    /// <summary>Does the same for the columns from one on, one at a time.</summary>
    private static void AddScalar(ReadOnlySpan<double> right, ReadOnlySpan<double> factors, Span<double> row, int column)
    {
        for (; column < row.Length; column++)
        {
            double sum = row[column];
            for (int k = 0; k < factors.Length; k++)
            {
                sum = Math.FusedMultiplyAdd(factors[k], right[(k * row.Length) + column], sum);
            }

            row[column] = sum;
        }
    }
}
