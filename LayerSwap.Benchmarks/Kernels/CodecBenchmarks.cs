using BenchmarkDotNet.Attributes;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>Conversion of each dtype to float32 and back. Times are of one element.</summary>
public class CodecBenchmarks
{
    private readonly float[] _wide = new float[KernelBlock.Length];

    private byte[] _raw = [];

    [Params(DType.BFloat16, DType.Float16, DType.Float8E4M3, DType.Float8E5M2)]
    public DType DType { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        ElementCodec.Widen(DType.BFloat16, new KernelBlock().Bytes[..(sizeof(ushort) * KernelBlock.Length)], _wide);
        _raw = new byte[KernelBlock.Length * DType.Bits() / 8];
        ElementCodec.Narrow(DType, _wide, _raw);
    }

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public bool Widen() => ElementCodec.Widen(DType, _raw, _wide);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void Narrow() => ElementCodec.Narrow(DType, _wide, _raw);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public long CountNonFinite() => NonFinite.Count(DType, _raw);
}
