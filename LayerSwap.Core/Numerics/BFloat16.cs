namespace LayerSwap.Numerics;

/// <summary>An element as it lies in a BF16 tensor: the upper half of a single.</summary>
internal readonly record struct BFloat16(ushort Bits)
{
    public float Value => SixteenBitFloats.FromBFloat16(Bits);
}
