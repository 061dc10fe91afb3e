namespace LayerSwap.Streaming;

/// <summary>One input tensor of a computation. Rows that it lacks (a smaller vocabulary) are read from a fallback.</summary>
internal sealed class Operand(ICheckpoint checkpoint, TensorInfo tensor, Operand? fallback = null)
{
    public ICheckpoint Checkpoint => checkpoint;

    public TensorInfo Tensor => tensor;

    public DType DType => tensor.DType;

    public void Read(long offset, Span<byte> destination)
    {
        int length = (int)Math.Clamp(tensor.ByteLength - offset, 0, destination.Length);
        if (length > 0)
        {
            try
            {
                checkpoint.Read(tensor.Name, offset, destination[..length]);
            }
            catch (IOException e) when (e is not InputReadException)
            {
                throw new InputReadException(checkpoint.Name, tensor.Name, e);
            }
        }

        if (length < destination.Length)
        {
            fallback!.Read(offset + length, destination[length..]);
        }
    }
}

/// <summary>An input could not be read. Distinguishes read errors from errors of writing the output.</summary>
internal sealed class InputReadException : IOException
{
    public InputReadException(string checkpoint, string tensor, IOException inner)
        : base(MessageOf(checkpoint, tensor, inner.Message), inner) => HResult = inner.HResult;

    private static string MessageOf(string checkpoint, string tensor, string inner) => inner.Contains("tensor ", StringComparison.Ordinal)
        ? inner
        : $"{checkpoint} could not be read at tensor {Printable.Escape(tensor)}: {inner}";
}
