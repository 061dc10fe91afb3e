namespace LayerSwap.Outsider;

public sealed class Median : ElementwiseStrategy
{
    public override string Name => "median";

    public override string Settings => "";

    protected override void Merge(OperandBlock<float> block)
    {
        Span<float> values = stackalloc float[block.SourceCount];
        for (int i = 0; i < block.Length; i++)
        {
            for (int s = 0; s < values.Length; s++)
            {
                values[s] = block[s][i];
            }

            values.Sort();
            block.Output[i] = values[values.Length / 2];
        }
    }
}
