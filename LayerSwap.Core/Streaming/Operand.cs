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
            try
            {
                checkpoint.Read(tensor.Name, offset, destination[..own]);
            }
            catch (IOException e) when (e is not InputReadException)
            {
                throw new InputReadException(checkpoint.Name, tensor.Name, e);
            }
        }

        if (own < destination.Length)
        {
            beyond!.Read(offset + own, destination[own..]);
        }
    }
}

/// <summary>An input could not be read: the output, whose writing fails by an <see cref="IOException"/> too, is not at fault.</summary>
internal sealed class InputReadException : IOException
{
    public InputReadException(string checkpoint, string tensor, IOException inner)
        : base(inner.Message.Contains("tensor ", StringComparison.Ordinal) ? inner.Message : $"{checkpoint} could not be read at tensor {Printable.Escape(tensor)}: {inner.Message}", inner) => HResult = inner.HResult;
}
