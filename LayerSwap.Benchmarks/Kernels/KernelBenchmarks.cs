using BenchmarkDotNet.Attributes;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>The kernels over one compute block, three operands of BF16: <c>dotnet run -c Release --project LayerSwap.Benchmarks -- --filter '*'</c>.</summary>
public class KernelBenchmarks
{
    private const int Length = 4096, Rows = 3;

    private readonly byte[] _raw = new byte[Rows * Length * 2];
    private readonly float[] _wide = new float[Rows * Length];
    private readonly float[] _result = new float[Length];
    private readonly byte[] _output = new byte[Length * 2];
    private readonly double[] _weights = [0.3, 0.3, 0.4];

    [GlobalSetup]
    public void Fill()
    {
        for (int i = 0; i < _wide.Length; i++)
        {
            _wide[i] = (float)Math.Sin(i) * 0.1f;
        }

        Codec.Narrow(DType.BFloat16, _wide, _raw);
    }

    [Benchmark]
    public void Widen() => Codec.Widen(DType.BFloat16, _raw, _wide);

    [Benchmark]
    public void Combine() => LinearKernel.Combine(_weights, 1, new Rows<float>(_wide, Length), _result);

    [Benchmark]
    public void AddTaskVectors() => LinearKernel.AddTaskVectors(_weights.AsSpan(0, 2), 0.8, _wide.AsSpan(0, Length), new Rows<float>(_wide.AsSpan(Length), Length), _result);

    [Benchmark]
    public void Narrow() => Codec.Narrow(DType.BFloat16, _result, _output);

    [Benchmark]
    public void Agree() => Agreement.Restore(2, _raw, Length, _output);

    [Benchmark]
    public ulong Checksum() => XxHash64.Of(_output);
}
