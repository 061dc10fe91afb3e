using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Benchmarks.Forward;

/// <summary>Activations of a batch of tokens: a row for each feature, a column for each token. Columns are filled up to whole vectors with zeros.</summary>
internal sealed class Matrix
{
    public Matrix(int rows, int tokens)
    {
        Rows = rows;
        Tokens = tokens;
        Stride = (tokens + Vector512<float>.Count - 1) / Vector512<float>.Count * Vector512<float>.Count;
        Data = new float[rows * Stride];
    }

    public int Rows { get; }

    public int Tokens { get; }

    public int Stride { get; }

    public float[] Data { get; }

    public Span<float> this[int row] => Data.AsSpan(row * Stride, Stride);

    /// <summary><c>output = weight x input</c>: every vector of tokens at once, four rows of the weight at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Matrix Product(float[] weight, Matrix input)
    {
        int inner = input.Rows, rows = weight.Length / inner, stride = input.Stride;
        Matrix output = new(rows, input.Tokens);
        ref float x = ref MemoryMarshal.GetArrayDataReference(input.Data);
        ref float y = ref MemoryMarshal.GetArrayDataReference(output.Data);
        for (int t = 0; t < stride; t += Vector512<float>.Count)
        {
            int r = 0;
            for (; r <= rows - 4; r += 4)
            {
                Vector512<float> a = default, b = default, c = default, d = default;
                int w0 = r * inner, w1 = w0 + inner, w2 = w1 + inner, w3 = w2 + inner;
                for (int k = 0; k < inner; k++)
                {
                    Vector512<float> column = Vector512.LoadUnsafe(ref x, (nuint)((k * stride) + t));
                    a = Vector512.MultiplyAddEstimate(Vector512.Create(weight[w0 + k]), column, a);
                    b = Vector512.MultiplyAddEstimate(Vector512.Create(weight[w1 + k]), column, b);
                    c = Vector512.MultiplyAddEstimate(Vector512.Create(weight[w2 + k]), column, c);
                    d = Vector512.MultiplyAddEstimate(Vector512.Create(weight[w3 + k]), column, d);
                }

                a.StoreUnsafe(ref y, (nuint)((r * stride) + t));
                b.StoreUnsafe(ref y, (nuint)(((r + 1) * stride) + t));
                c.StoreUnsafe(ref y, (nuint)(((r + 2) * stride) + t));
                d.StoreUnsafe(ref y, (nuint)(((r + 3) * stride) + t));
            }

            for (; r < rows; r++)
            {
                Vector512<float> sum = default;
                for (int k = 0; k < inner; k++)
                {
                    sum = Vector512.MultiplyAddEstimate(Vector512.Create(weight[(r * inner) + k]), Vector512.LoadUnsafe(ref x, (nuint)((k * stride) + t)), sum);
                }

                sum.StoreUnsafe(ref y, (nuint)((r * stride) + t));
            }
        }

        return output;
    }
}
