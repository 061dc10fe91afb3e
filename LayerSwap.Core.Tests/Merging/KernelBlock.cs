using System.Reflection;
using LayerSwap.Numerics;
using Xunit.Sdk;

namespace LayerSwap.Tests.Merging;

/// <summary>Runs a generic theory once for each element type of the kernels.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ElementTypesAttribute : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [[0f], [0d], [default(BFloat16)]];
}

/// <summary>Which numbers a block has.</summary>
internal enum Numbers
{
    /// <summary>Multiples of an eighth: deltas are exact in float32, many are equal, opposite or zero.</summary>
    Eighths,

    /// <summary>Fine-tuned weights: deltas of all sizes.</summary>
    Weights,

    /// <summary>NaN, infinities, zeros of both signs, the largest and the smallest float32 among weights.</summary>
    Special,
}

/// <summary>A base and sources for kernel tests: rows have gaps between them, and the output has guards behind it.</summary>
internal sealed class KernelBlock<T>
    where T : unmanaged
{
    private const int Gap = 3, Guards = 20;

    private readonly T[] _operands;
    private readonly T[] _output;

    /// <summary>Makes a block of rows: the base first.</summary>
    public KernelBlock(long start, params double[][] rows)
    {
        (Start, Length, SourceCount) = (start, rows[0].Length, rows.Length - 1);
        _operands = [.. rows.SelectMany(r => r.Concat(new double[Gap])).Select(VectorWidening.Round<T>)];
        _output = new T[Length + Guards];
    }

    public long Start { get; }

    public int Length { get; }

    public int SourceCount { get; }

    public OperandBlock<T> Block => new(Start, _operands, Length, Length + Gap, hasBase: true, _output.AsSpan(0, Length));

    public static KernelBlock<T> Random(Random random, Numbers numbers, int length, int sources, long start = 0)
    {
        double[] first = [.. Enumerable.Range(0, length).Select(_ => Number(0))];
        return new(start, [first, .. Enumerable.Range(0, sources).Select(_ => first.Select(Number).ToArray())]);

        double Number(double near) => (numbers, random.Next(16)) switch
        {
            (Numbers.Eighths, _) => random.Next(-20, 20) / 8.0,
            (_, 0 or 1) => near,
            (Numbers.Special, 2) => double.NaN,
            (Numbers.Special, 3) => random.Next(2) == 0 ? double.PositiveInfinity : double.NegativeInfinity,
            (Numbers.Special, 4) => random.Next(2) == 0 ? float.MaxValue : float.MinValue,
            (Numbers.Special, 5) => float.Epsilon,
            (_, 6) => -0.0,
            (_, < 12) => near + ((random.NextDouble() - 0.5) / 64),
            _ => random.NextDouble() - 0.5,
        };
    }

    /// <summary>The kinds of numbers that a kernel must take: BF16 blocks are finite where an operation writes its result.</summary>
    public static Numbers[] Finite => typeof(T) == typeof(BFloat16) ? [Numbers.Eighths, Numbers.Weights] : Enum.GetValues<Numbers>();

    public double Base(int at) => VectorWidening.Load1(_operands[at]);

    public double Source(int source, int at) => VectorWidening.Load1(_operands[((source + 1) * (Length + Gap)) + at]);

    public double Delta(int source, int at) => Source(source, at) - Base(at);

    public double[] Deltas(int source) => [.. Enumerable.Range(0, Length).Select(i => Delta(source, i))];

    /// <summary>Asserts that the output has the bits of the expected values, rounded once; any NaN stands for any other.</summary>
    public void AssertOutput(Func<int, double> expected, string what)
    {
        for (int i = 0; i < _output.Length; i++)
        {
            double right = i < Length ? VectorWidening.Load1(VectorWidening.Round<T>(expected(i))) : 0,
                found = VectorWidening.Load1(_output[i]);
            if (BitConverter.DoubleToInt64Bits(right) != BitConverter.DoubleToInt64Bits(found)
                && !(double.IsNaN(right) && double.IsNaN(found)))
            {
                Assert.Fail(
                    FormattableString.Invariant($"{what}, {typeof(T).Name} element {i} of {Length}: {found:R}, expected {right:R}"));
            }
        }
    }
}
