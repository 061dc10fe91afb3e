namespace LayerSwap.Streaming;

/// <summary>One input tensor of a computation, read by windows; rows it lacks (a smaller vocabulary) are read from another.</summary>
internal sealed class Operand(ICheckpoint checkpoint, TensorInfo tensor, Operand? beyond = null)
{
    public ICheckpoint Checkpoint => checkpoint;

    public TensorInfo Tensor => tensor;

    public DType DType => tensor.DType;

    public void Read(long offset, Span<byte> destination)
    {
        int own = (int)Math.Clamp(tensor.ByteLength - offset, 0, destination.Length);
        if (own > 0)
        {
            checkpoint.Read(tensor.Name, offset, destination[..own]);
        }

        if (own < destination.Length)
        {
            beyond!.Read(offset + own, destination[own..]);
        }
    }
}
