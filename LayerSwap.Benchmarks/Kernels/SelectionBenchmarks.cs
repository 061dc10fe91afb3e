using BenchmarkDotNet.Attributes;
using LayerSwap.Numerics;

namespace LayerSwap.Benchmarks.Kernels;

/// <summary>How cuts are found, and what is kept at them: the passes and masks of ties, breadcrumbs and sce, of BF16; times are those of one element.</summary>
public class SelectionBenchmarks
{
    private readonly KernelBlock _block = new();
    private readonly ulong[] _keys = new ulong[KernelBlock.Length], _bits = new ulong[Bits.Words(KernelBlock.Length)];
    private readonly int[] _singles = new int[KernelBlock.Length], _found = new int[KernelBlock.Length + KeyKernel.Room];
    private readonly KeyEnergies[] _energies = new KeyEnergies[2];

    private (ulong Low, ulong High) _ofChanges, _ofVariances;

    [GlobalSetup]
    public void Find()
    {
        VarianceKernel.Keys(_block.Base, _block.Models, new double[2 * KernelBlock.Length], _keys);
        _ofVariances = KernelBlock.Around(_keys);
        KeyKernel.Changes(_block.Base, _block.First, _keys);
        _ofChanges = KernelBlock.Around(_keys);
        KeyKernel.TryChanges(_block.Base, _block.First, _singles, out _);
    }

    /// <summary>Magnitudes of changes, as singles.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public bool Changes() => KeyKernel.TryChanges(_block.Base, _block.First, _singles, out _);

    /// <summary>Magnitudes of changes where differences of singles are not exact.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void ChangesInDoubles() => KeyKernel.Changes(_block.Base, _block.First, _keys);

    /// <summary>Counts magnitudes by where they lie, and gathers those between the bounds of a cut.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public int Gather() => KeyKernel.Within(_singles, _ofChanges.Low, _ofChanges.High, _found).Within;

    /// <summary>The same of doubles.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public int GatherDoubles() => KeyKernel.Within(_keys, _ofChanges.Low, _ofChanges.High, _found).Within;

    /// <summary>The bits of changes that are kept.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void Keep() => MaskKernel.Between(_block.Base, _block.First, _ofChanges.Low, long.MaxValue, _bits);

    /// <summary>Counts how much two models vary, and the energies beside.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public bool GatherVariances() => VarianceKernel.Within(_block.Base, _block.Models, _ofVariances.Low, _ofVariances.High, _bits, _energies) is not null;

    /// <summary>The bits of what varies most.</summary>
    [Benchmark(OperationsPerInvoke = KernelBlock.Length)]
    public void KeepVariances() => VarianceKernel.Selected(_block.Base, _block.Models, _ofVariances.Low, _bits);
}
