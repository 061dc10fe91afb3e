using FsCheck;
using FsCheck.Fluent;

namespace LayerSwap.Tests;

internal static class Generators
{
    /// <summary>Whole numbers of any size from 1 on, small ones as often as large ones.</summary>
    public static Gen<long> Positive { get; } =
        from high in Gen.Choose(0, int.MaxValue)
        from low in Gen.Choose(0, int.MaxValue)
        from shift in Gen.Choose(0, 61)
        select Math.Max(1, (((long)high << 32) | ((long)low << 1)) >> shift);
}
