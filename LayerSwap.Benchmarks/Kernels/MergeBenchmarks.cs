using System.IO.Hashing;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using LayerSwap.Execution;
using LayerSwap.Merging;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>The kernels of merges on one block, BF16 to BF16, and the checks of every block. Times are of one element.</summary>
public class MergeBenchmarks
{
    private readonly KernelBlock _block = new();
    private readonly double[] _weights = [0.61, 0.43], _three = [0.3, 0.3, 0.4];
    private readonly WeightedSum _sum = new([0.61, 0.43], 1, 1);
    private readonly SignElection _ties = SignElection.OfTies([0.61, 0.43], [0.61, 0.43], normalize: true, 1);
    private readonly SignElection _sce = SignElection.OfSce([0.61, 0.43], 1e-6);

    private Span<byte> Output => MemoryMarshal.AsBytes(_block.Output.AsSpan());

    private MaskedDeltas<BFloat16> Deltas => new(_block.Models, _block.Masks);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void LinearOfThree() => LinearKernel.Sum(_three, 1, _block.All);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void TaskArithmetic() => LinearKernel.AddDeltas(_weights, 0.8, _block.Models);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void WeightedSum() => _sum.ApplyTo(Deltas, _block.Output.AsSpan());

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void SignElectionOfTies() => _ties.ApplyTo(Deltas, _block.Output.AsSpan());

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void SignElectionOfSce() => _sce.ApplyTo(Deltas, _block.Output.AsSpan());

    /// <summary>The three dot products of slerp and model_stock.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public double DotProducts() => DotKernel.Pair(_block.Base, _block.First, _block.Second).Ab;

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public bool LookForNonFinite() => NonFinite.AllFinite(_block.First);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void PreserveIdenticalElements() => PreserveIdentical.Restore(sizeof(ushort), _block.Bytes, KernelBlock.Length, Output);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public ulong Checksum() => XxHash64.HashToUInt64(Output);
}
