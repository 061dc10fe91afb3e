namespace LayerSwap.Merging;

/// <summary>
/// The dot products of some vectors. Vectors in their span are rows of coefficients, whose angles, norms and products follow from the
/// matrix without another pass over the elements.
/// </summary>
internal readonly struct GramMatrix(double[] sums, int offset, int count)
{
    public int Count => count;

    public double this[int a, int b] => sums[offset + Index(Math.Min(a, b), Math.Max(a, b), count)];

    /// <summary>Computes the number of entries of the matrix of a number of vectors.</summary>
    public static int SizeOf(int count) => count * (count + 1) / 2;

    public static int Index(int a, int b, int count) => (a * count) - (a * (a - 1) / 2) + b - a;

    public double Norm(int vector) => Math.Sqrt(Math.Max(this[vector, vector], 0));

    /// <summary>Computes the dot product of two vectors given by coefficients.</summary>
    public double Dot(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < count; j++)
            {
                sum += x[i] * y[j] * this[i, j];
            }
        }

        return sum;
    }

    public double Norm(ReadOnlySpan<double> x) => Math.Sqrt(Math.Max(Dot(x, x), 0));
}
