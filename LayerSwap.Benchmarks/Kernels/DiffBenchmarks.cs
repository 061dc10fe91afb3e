using BenchmarkDotNet.Attributes;
using LayerSwap.Diff;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>The sums of a diff. Times are of one element.</summary>
public class DiffBenchmarks
{
    private readonly KernelBlock _block = new();
    private readonly float[] _wide = new float[2 * KernelBlock.Length];
    private readonly BaseSums _base = new();
    private readonly DeltaSums _first = new(), _second = new();
    private readonly AgreementSums _both = new();

    [GlobalSetup]
    public void Widen() => ElementCodec.Widen(DType.BFloat16, _block.Bytes[..(sizeof(ushort) * _wide.Length)], _wide);

    /// <summary>Sums of one model in float32.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public double OneModel() =>
        DeltaKernel.ObserveModel<float>(_wide.AsSpan(0, KernelBlock.Length), _wide.AsSpan(KernelBlock.Length), [], _first);

    /// <summary>Sums of the base and two models in BF16.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void TwoModels() => DeltaKernel.ObserveTwo(_block.Base, _block.First, _block.Second, _base, _first, _second, _both);
}
