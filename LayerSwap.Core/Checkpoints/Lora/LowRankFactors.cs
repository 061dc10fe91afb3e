using System.Numerics.Tensors;

namespace LayerSwap.Checkpoints.Lora;

/// <summary>
/// A delta as a product of two thin matrices, for each of several matrices stored one after another: <c>scale * Left * Right</c>, with Left
/// (matrices, rows, rank) and Right (matrices, rank, columns), row-major, in the base's orientation.
/// </summary>
internal sealed class LowRankFactors(float[] left, float[] right, int rank, long rows, long columns, double scale)
{
    /// <summary>The elements of Right that are kept as float64 at a time: small enough for the processor's cache.</summary>
    private const int TileElements = 16 * 1024;

    public long Rows => rows;

    public long Columns => columns;

    /// <summary>Whether two deltas are equal, factor by factor.</summary>
    public bool IsEqualTo(LowRankFactors other) => scale.Equals(other.Scale) && left.AsSpan().SequenceEqual(other.Left)
        && right.AsSpan().SequenceEqual(other.Right);

    private double Scale => scale;

    private float[] Left => left;

    private float[] Right => right;

    /// <summary>Adds whole rows of the delta. The sum over the rank is in float64.</summary>
    /// <param name="firstRow">The first row, counted through all matrices.</param>
    /// <param name="values">Rows of the base, (rows, columns); receives the sums.</param>
    public void AddRows(long firstRow, Span<double> values)
    {
        int width = (int)columns, count = values.Length / width;
        int tile = Math.Clamp(TileElements / rank, 64, width < 64 ? 64 : width);
        double[] rightTile = new double[rank * Math.Min(tile, width)];
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

                for (int row = done; row < done + part; row++)
                {
                    Span<double> sum = values.Slice((row * width) + column, length);
                    for (int k = 0; k < rank; k++)
                    {
                        double factor = scale * left[((firstRow + row) * rank) + k];
                        TensorPrimitives.MultiplyAdd(rightTile.AsSpan(k * length, length), factor, sum, sum);
                    }
                }
            }

            done += part;
        }
    }
}
