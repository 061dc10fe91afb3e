namespace LayerSwap.Checkpoints;

/// <summary>A tensor's bytes as a seekable, read-only stream, for libraries that take streams.</summary>
internal sealed class TensorStream(ICheckpoint checkpoint, TensorInfo tensor) : Stream
{
    private long _position;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => tensor.ByteLength;

    public override long Position
    {
        get => _position;
        set => _position = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A position is not negative.");
    }

    public override int Read(Span<byte> buffer)
    {
        int count = (int)Math.Clamp(Length - _position, 0, buffer.Length);
        checkpoint.Read(tensor.Name, Math.Min(_position, Length), buffer[..count]);
        _position += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override long Seek(long offset, SeekOrigin origin) => Position = checked(offset + origin switch
    {
        SeekOrigin.Begin => 0,
        SeekOrigin.Current => _position,
        _ => Length,
    });

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException("A checkpoint is read-only.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("A checkpoint is read-only.");
}
