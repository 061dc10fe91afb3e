namespace LayerSwap.Numerics;

/// <summary>A stored BF16 element: the upper 16 bits of a float32.</summary>
internal readonly record struct BFloat16(ushort Bits)
{
    public float Value => SixteenBitFloats.FromBFloat16(Bits);
}
