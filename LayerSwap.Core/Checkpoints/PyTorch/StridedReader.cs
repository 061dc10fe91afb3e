namespace LayerSwap.Checkpoints.PyTorch;

/// <summary>
/// Reads elements of a strided view in row-major order. Positions and strides are in elements of a storage; the storage is read by
/// position, in runs along the axis with the smallest stride.
/// </summary>
internal sealed class StridedReader
{
    /// <summary>The size of the window through which elements with gaps are read.</summary>
    private const int WindowBytes = 64 * 1024;

    private readonly long[] _sizes, _strides;
    private readonly long _offset;
    private readonly int _width;

    /// <param name="sizes">The extents, outermost first, none of them 0.</param>
    /// <param name="strides">The distance of neighbours along each axis, 0 or more.</param>
    /// <param name="offset">The first element.</param>
    /// <param name="width">The size of an element in bytes.</param>
    public StridedReader(long[] sizes, long[] strides, long offset, int width)
    {
        List<long> mergedSizes = [], mergedStrides = [];
        for (int axis = 0; axis < sizes.Length; axis++)
        {
            if (sizes[axis] == 1)
            {
                continue;
            }

            // An axis whose steps continue the next one is one axis with it.
            if (mergedSizes.Count > 0 && mergedStrides[^1] == strides[axis] * (Int128)sizes[axis])
            {
                mergedSizes[^1] *= sizes[axis];
                mergedStrides[^1] = strides[axis];
            }
            else
            {
                mergedSizes.Add(sizes[axis]);
                mergedStrides.Add(strides[axis]);
            }
        }

        (_sizes, _strides, _offset, _width) = ([.. mergedSizes], [.. mergedStrides], offset, width);
    }

    public delegate void ReadBytes(long offset, Span<byte> destination);

    /// <summary>Reads elements <c>[first, first + count)</c> of the view.</summary>
    /// <param name="read">Reads bytes of the storage.</param>
    /// <param name="first">The first element, in row-major order.</param>
    /// <param name="destination">Receives the elements; a whole number of them.</param>
    public void Read(ReadBytes read, long first, Span<byte> destination) =>
        ReadAxis(read, 0, _offset, first, destination.Length / _width, destination);

    /// <summary>Reads a range of the axes from one on: whole steps of that axis, and parts of a step at both ends.</summary>
    private void ReadAxis(ReadBytes read, int axis, long origin, long first, long count, Span<byte> destination)
    {
        if (count == 0)
        {
            return;
        }

        if (axis == _sizes.Length)
        {
            read(origin * _width, destination);
            return;
        }

        long inner = 1;
        for (int a = axis + 1; a < _sizes.Length; a++)
        {
            inner *= _sizes[a];
        }

        long step = first / inner, skip = first % inner;
        if (skip > 0 || count < inner)
        {
            long part = Math.Min(count, inner - skip);
            ReadAxis(read, axis + 1, origin + (step * _strides[axis]), skip, part, destination[..(int)(part * _width)]);
            (step, count) = (step + 1, count - part);
            destination = destination[(int)(part * _width)..];
        }

        long whole = count / inner;
        if (whole > 0)
        {
            int length = (int)(whole * inner * _width);
            ReadBox(read, axis, origin + (step * _strides[axis]), whole, destination[..length]);
            step += whole;
            destination = destination[length..];
        }

        ReadAxis(read, axis + 1, origin + (step * _strides[axis]), 0, count - (whole * inner), destination);
    }

    /// <summary>Reads some steps of an axis with all of the axes after it.</summary>
    private void ReadBox(ReadBytes read, int axis, long origin, long steps, Span<byte> destination)
    {
        int rank = _sizes.Length - axis;
        Span<long> sizes = stackalloc long[rank], targets = stackalloc long[rank], index = stackalloc long[rank];
        _sizes.AsSpan(axis).CopyTo(sizes);
        sizes[0] = steps;
        index.Clear();
        int runAxis = 0;
        long target = 1;
        for (int a = rank - 1; a >= 0; a--)
        {
            (targets[a], target) = (target, target * sizes[a]);
            bool better = sizes[a] > 1 && (sizes[runAxis] == 1 || Distance(_strides[axis + a]) < Distance(_strides[axis + runAxis]));
            runAxis = better ? a : runAxis;
        }

        while (true)
        {
            long source = origin, place = 0;
            for (int a = 0; a < rank; a++)
            {
                source += index[a] * _strides[axis + a];
                place += index[a] * targets[a];
            }

            ReadRun(read, source, _strides[axis + runAxis], sizes[runAxis], destination[(int)(place * _width)..], targets[runAxis]);
            int next = rank - 1;
            for (; next >= 0; next--)
            {
                if (next != runAxis && ++index[next] < sizes[next])
                {
                    break;
                }

                index[next] = 0;
            }

            if (next < 0)
            {
                return;
            }
        }

        // A repeated element is read once, which is as good as neighbours.
        static long Distance(long stride) => stride == 0 ? 1 : stride;
    }

    /// <summary>Reads <paramref name="count"/> elements at a stride, and places them at another.</summary>
    private void ReadRun(ReadBytes read, long source, long stride, long count, Span<byte> destination, long targetStride)
    {
        if (stride == 1 && targetStride == 1)
        {
            read(source * _width, destination[..(int)(count * _width)]);
            return;
        }

        // A window holds at least one element; with stride 0 the same element is placed again and again.
        long perWindow = stride == 0 ? count : Math.Min(count, (((WindowBytes / _width) - 1) / stride) + 1);
        Span<byte> window = stackalloc byte[(int)((((perWindow - 1) * stride) + 1) * _width)];
        for (long done = 0; done < count;)
        {
            long part = Math.Min(perWindow, count - done);
            int length = (int)((((part - 1) * stride) + 1) * _width);
            read((source + (done * stride)) * _width, window[..length]);
            for (long i = 0; i < part; i++)
            {
                window.Slice((int)(i * stride * _width), _width).CopyTo(destination[(int)((done + i) * targetStride * _width)..]);
            }

            done += part;
        }
    }
}
