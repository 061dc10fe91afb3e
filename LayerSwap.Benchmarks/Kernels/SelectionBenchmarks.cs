using BenchmarkDotNet.Attributes;
using LayerSwap.Merging;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>The kernels of exact thresholds and masks, as ties, breadcrumbs and sce use them, on BF16. Times are of one element.</summary>
public class SelectionBenchmarks
{
    private readonly KernelBlock _block = new();
    private readonly ulong[] _keys = new ulong[KernelBlock.Length], _foundKeys = new ulong[KernelBlock.Length];
    private readonly ulong[] _mask = new ulong[BitMask.WordCount(KernelBlock.Length)];
    private readonly int[] _float32Keys = new int[KernelBlock.Length], _foundFloat32 = new int[KernelBlock.Length];

    private (ulong Low, ulong High) _bounds;

    [GlobalSetup]
    public void Find()
    {
        KeyKernel.ComputeDeltaKeys(_block.Base, _block.First, _keys);
        _bounds = KernelBlock.Around(_keys);
        KeyKernel.TryComputeDeltaKeys(_block.Base, _block.First, _float32Keys, out _);
    }

    /// <summary>Computes keys of deltas that are exact in float32.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public bool Float32Keys() => KeyKernel.TryComputeDeltaKeys(_block.Base, _block.First, _float32Keys, out _);

    /// <summary>Computes keys of deltas in float64.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void Float64Keys() => KeyKernel.ComputeDeltaKeys(_block.Base, _block.First, _keys);

    /// <summary>Counts and lists the float32 keys within bounds.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public long Float32Within() => KeyKernel.CountWithin(_float32Keys, _bounds.Low, _bounds.High, _foundFloat32).Within;

    /// <summary>Counts and lists the float64 keys within bounds.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public long Float64Within() => KeyKernel.CountWithin(_keys, _bounds.Low, _bounds.High, _foundKeys).Within;

    /// <summary>Computes the mask of deltas above a threshold.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void Mask() => MaskKernel.MaskBetween(_block.Base, _block.First, _bounds.Low, long.MaxValue, _mask);

    /// <summary>Computes keys of variances.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void VarianceKeys() => VarianceKernel.ComputeKeys(_block.Models, _keys);
}
