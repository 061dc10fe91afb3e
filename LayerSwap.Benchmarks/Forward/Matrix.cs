using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSwap.Benchmarks.Forward;

/// <summary>Activations of a batch of tokens, (features, tokens), row-major. Rows are padded with zeros to whole vectors.</summary>
internal sealed class Matrix : IDisposable
{
    public Matrix(int rows, int tokens)
    {
        Rows = rows;
        Tokens = tokens;
        Stride = (tokens + Vector256<float>.Count - 1) / Vector256<float>.Count * Vector256<float>.Count;
        Data = ArrayPool<float>.Shared.Rent((rows * Stride) + Slack);
        Data.AsSpan(0, (rows * Stride) + Slack).Clear();
    }

    /// <summary>The number of zeros after the last row, so that a vector can start at any token.</summary>
    public static int Slack => Vector256<float>.Count;

    public int Rows { get; }

    public int Tokens { get; }

    public int Stride { get; }

    public float[] Data { get; }

    /// <summary>All rows with their padding.</summary>
    public Span<float> Values => Data.AsSpan(0, Rows * Stride);

    public Span<float> this[int row] => Data.AsSpan(row * Stride, Stride);

    public void Dispose() => ArrayPool<float>.Shared.Return(Data);

    public Matrix Copy()
    {
        Matrix copy = new(Rows, Tokens);
        Values.CopyTo(copy.Values);
        return copy;
    }

    /// <summary>Computes <c>weight x input</c> from weights (rows, features), two vectors of tokens and four rows per step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Matrix Product(ReadOnlySpan<float> weight, Matrix input)
    {
        int inner = input.Rows, rows = weight.Length / inner, stride = input.Stride;
        Matrix output = new(rows, input.Tokens);
        ref float w = ref MemoryMarshal.GetReference(weight);
        ref float x = ref MemoryMarshal.GetArrayDataReference(input.Data);
        ref float y = ref MemoryMarshal.GetArrayDataReference(output.Data);
        int t = 0;
        for (; t <= stride - (2 * Vector256<float>.Count); t += 2 * Vector256<float>.Count)
        {
            int r = 0;
            for (; r <= rows - 4; r += 4)
            {
                Vector256<float> a = default, b = default, c = default, d = default, e = default, f = default, g = default, h = default;
                ref float w0 = ref Unsafe.Add(ref w, r * inner);
                ref float w1 = ref Unsafe.Add(ref w0, inner);
                ref float w2 = ref Unsafe.Add(ref w1, inner);
                ref float w3 = ref Unsafe.Add(ref w2, inner);
                for (int k = 0; k < inner; k++)
                {
                    Vector256<float> left = Vector256.LoadUnsafe(ref x, (nuint)((k * stride) + t));
                    Vector256<float> right = Vector256.LoadUnsafe(ref x, (nuint)((k * stride) + t + Vector256<float>.Count));
                    Vector256<float> p = Vector256.Create(Unsafe.Add(ref w0, k)), q = Vector256.Create(Unsafe.Add(ref w1, k));
                    Vector256<float> u = Vector256.Create(Unsafe.Add(ref w2, k)), v = Vector256.Create(Unsafe.Add(ref w3, k));
                    a = Vector256.MultiplyAddEstimate(p, left, a);
                    b = Vector256.MultiplyAddEstimate(q, left, b);
                    c = Vector256.MultiplyAddEstimate(u, left, c);
                    d = Vector256.MultiplyAddEstimate(v, left, d);
                    e = Vector256.MultiplyAddEstimate(p, right, e);
                    f = Vector256.MultiplyAddEstimate(q, right, f);
                    g = Vector256.MultiplyAddEstimate(u, right, g);
                    h = Vector256.MultiplyAddEstimate(v, right, h);
                }

                Store(ref y, (r * stride) + t, stride, a, b, c, d);
                Store(ref y, (r * stride) + t + Vector256<float>.Count, stride, e, f, g, h);
            }

            MultiplyRows(weight, ref x, ref y, r, rows, inner, stride, t);
            MultiplyRows(weight, ref x, ref y, r, rows, inner, stride, t + Vector256<float>.Count);
        }

        for (; t < stride; t += Vector256<float>.Count)
        {
            MultiplyRows(weight, ref x, ref y, 0, rows, inner, stride, t);
        }

        return output;
    }

    /// <summary>
    /// Computes weighted sums of features for each token: <c>scores[j] = sum over i of weights[i] * this[first + i][start + j]</c>.
    /// May overwrite up to <see cref="Slack"/> elements after scores.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void SumFeatures(int first, int start, ReadOnlySpan<float> weights, Span<float> scores)
    {
        ref float rows = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(Data), (first * Stride) + start);
        for (int j = 0; j < scores.Length; j += Vector256<float>.Count)
        {
            Vector256<float> even = default, odd = default;
            int i = 0;
            for (; i < weights.Length - 1; i += 2)
            {
                Vector256<float> row = Vector256.LoadUnsafe(ref rows, (nuint)((i * Stride) + j));
                Vector256<float> next = Vector256.LoadUnsafe(ref rows, (nuint)(((i + 1) * Stride) + j));
                even = Vector256.MultiplyAddEstimate(Vector256.Create(weights[i]), row, even);
                odd = Vector256.MultiplyAddEstimate(Vector256.Create(weights[i + 1]), next, odd);
            }

            if (i < weights.Length)
            {
                Vector256<float> row = Vector256.LoadUnsafe(ref rows, (nuint)((i * Stride) + j));
                even = Vector256.MultiplyAddEstimate(Vector256.Create(weights[i]), row, even);
            }

            (even + odd).StoreUnsafe(ref MemoryMarshal.GetReference(scores), (nuint)j);
        }
    }

    /// <summary>
    /// Computes weighted sums of tokens for each feature: <c>features[i] = sum over j of weights[j] * this[first + i][start + j]</c>.
    /// The weights must be followed by <see cref="Slack"/> zeros.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void SumTokens(int first, int start, ReadOnlySpan<float> weights, Span<float> features)
    {
        ref float rows = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(Data), (first * Stride) + start);
        for (int i = 0; i < features.Length; i++)
        {
            Vector256<float> sum = default;
            for (int j = 0; j < weights.Length; j += Vector256<float>.Count)
            {
                Vector256<float> weight = Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(weights), (nuint)j);
                Vector256<float> row = Vector256.LoadUnsafe(ref rows, (nuint)((i * Stride) + j));
                sum = Vector256.MultiplyAddEstimate(weight, row, sum);
            }

            features[i] = Vector256.Sum(sum);
        }
    }

    /// <summary>Multiplies the rows from <paramref name="first"/> on with one vector of tokens.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyRows(
        ReadOnlySpan<float> weight,
        ref float x,
        ref float y,
        int first,
        int rows,
        int inner,
        int stride,
        int t)
    {
        for (int r = first; r < rows; r++)
        {
            Vector256<float> sum = default;
            for (int k = 0; k < inner; k++)
            {
                Vector256<float> tokens = Vector256.LoadUnsafe(ref x, (nuint)((k * stride) + t));
                sum = Vector256.MultiplyAddEstimate(Vector256.Create(weight[(r * inner) + k]), tokens, sum);
            }

            sum.StoreUnsafe(ref y, (nuint)((r * stride) + t));
        }
    }

    private static void Store(
        ref float y,
        int offset,
        int stride,
        Vector256<float> a,
        Vector256<float> b,
        Vector256<float> c,
        Vector256<float> d)
    {
        a.StoreUnsafe(ref y, (nuint)offset);
        b.StoreUnsafe(ref y, (nuint)(offset + stride));
        c.StoreUnsafe(ref y, (nuint)(offset + (2 * stride)));
        d.StoreUnsafe(ref y, (nuint)(offset + (3 * stride)));
    }
}
