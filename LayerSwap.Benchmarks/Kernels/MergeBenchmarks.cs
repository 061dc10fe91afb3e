using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>What merges make of a block, BF16 in and BF16 out, and what is done with every block; times are those of one element.</summary>
public class MergeBenchmarks
{
    private readonly KernelBlock _block = new();
    private readonly double[] _weights = [0.61, 0.43], _three = [0.3, 0.3, 0.4];
    private readonly SumConsensus _sum = new([0.61, 0.43], 1, 1), _equalSum = new([1, 1], 1, 1);
    private readonly SignConsensus _sign = new([0.61, 0.43], [0.61, 0.43], true, 1), _equalSign = new([1, 1], [1, 1], true, 1);
    private readonly ElectedConsensus _elected = new([0.61, 0.43], 1e-6);

    private Span<byte> Output => MemoryMarshal.AsBytes(_block.Output.AsSpan());

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void LinearOfThree() => LinearKernel.Combine(_three, 1, _block.All, _block.Output.AsSpan());

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void TaskArithmetic() => LinearKernel.AddTaskVectors(_weights, 0.8, _block.Base, _block.Models, _block.Output.AsSpan());

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void Sum() => Merge(_sum);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void SumOfEqualWeights() => Merge(_equalSum);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void SignConsensus() => Merge(_sign);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void SignConsensusOfEqualWeights() => Merge(_equalSign);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void ElectedConsensus() => Merge(_elected);

    /// <summary>The three dot products of slerp and model_stock.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public double DotProducts() => DotKernel.Pair(_block.Base, _block.First, _block.Second).Ab;

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public bool LookForNonFinite() => NonFinite.HasNone(_block.First);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void KeepWhatAllAgreeOn() => Agreement.Restore(sizeof(ushort), _block.Bytes, KernelBlock.Length, Output);

    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public ulong Checksum() => XxHash64.Of(Output);

    private void Merge<TRule>(in TRule rule)
        where TRule : struct, IConsensus =>
        ConsensusKernel.Onto(rule, _block.Base, new KeptChanges<BFloat16>(_block.Base, _block.Models, _block.Kept), _block.Output.AsSpan());
}
