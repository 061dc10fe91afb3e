using System.Runtime.InteropServices;
using LayerSwap.Checkpoints;
using LayerSwap.Checkpoints.SafeTensors;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Execution;

namespace LayerSwap;

/// <summary>Opens checkpoints, makes them from memory or from each other, and reads whole tensors out of them.</summary>
public static class Checkpoint
{
    /// <summary>
    /// Opens a .safetensors file, or a folder with <c>model.safetensors</c>, with <c>model.safetensors.index.json</c> and its shards, or
    /// with a single .safetensors file of another name; the index itself; or a model's folder in the Hub's cache, of which <c>refs/main</c>
    /// names the snapshot. Every header is read and validated; no data is.
    /// </summary>
    /// <param name="path">A file or a folder. It is only ever read.</param>
    /// <exception cref="CheckpointException">Nothing is there, or it breaks a rule of its format.</exception>
    /// <exception cref="IOException">A file could not be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public static ICheckpoint Open(string path) => Open(path, InputCautions.None);

    /// <inheritdoc cref="Open(string)"/>
    /// <param name="path">A file or a folder. It is only ever read.</param>
    /// <param name="allowed">Checks that are lifted. Only <see cref="InputCautions.Index"/> matters here.</param>
    public static ICheckpoint Open(string path, InputCautions allowed)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException("Checkpoints are little-endian; big-endian machines are not supported.");
        }

        if (Directory.Exists(InputFile.RealOf(path)))
        {
            return CheckpointFolder.Open(path, allowed);
        }

        if (Path.GetFileName(path) == ShardIndex.FileName && InputFile.Exists(path))
        {
            // An index opens its folder.
            return CheckpointFolder.Open(Path.GetDirectoryName(path) is { Length: > 0 } folder ? folder : ".", allowed);
        }

        return SafeTensorsFile.Open(path);
    }

    /// <summary>A checkpoint of tensors that lie in memory, to merge models that were never saved.</summary>
    /// <param name="name">What to call it in plans and errors.</param>
    /// <param name="tensors">Each with its bytes: little-endian, row-major, exactly <see cref="TensorInfo.ByteLength"/> of them. They are
    /// not copied.</param>
    /// <exception cref="ArgumentException">A name stands twice, or a length is wrong.</exception>
    public static ICheckpoint InMemory(string name, IEnumerable<(TensorInfo Tensor, ReadOnlyMemory<byte> Data)> tensors)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(tensors);
        return new MemoryCheckpoint(name, tensors);
    }

    /// <summary>
    /// A model of layers of other models, one range upon the other, numbered anew from 0. Embeddings come from the first, all else outside
    /// the layers from the last. It is a view: nothing is copied, and disposing it leaves the others open.
    /// </summary>
    /// <param name="slices">Models with the ranges of layers to take, lowest first; at least one.</param>
    /// <exception cref="ArgumentException">No slice, a model without layers, or different names of the main stack.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A range passes a model's last layer.</exception>
    public static ICheckpoint Stack(params IReadOnlyList<(ICheckpoint Model, Range Layers)> slices)
    {
        ArgumentNullException.ThrowIfNull(slices);
        return LayerStack.Of(slices);
    }

    /// <summary>
    /// The same checkpoint with other beginnings of its tensors' names, such as without <c>module.</c>. Each prefix counts only if names
    /// begin with the old one and none with the new one; so one list does for models of which some have a prefix and some have not. It is a
    /// view: nothing is copied, and disposing it leaves the other open.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="prefixes">Of several that fit a name the first counts.</param>
    /// <returns>The checkpoint itself if no prefix concerns it.</returns>
    /// <exception cref="MergeException">Two tensors would have one name.</exception>
    public static ICheckpoint Renamed(this ICheckpoint checkpoint, params IReadOnlyList<NamePrefix> prefixes)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(prefixes);
        return RenamedCheckpoint.Of(checkpoint, prefixes);
    }

    /// <summary>
    /// The same checkpoint with a tensor for each projection of each expert, as transformers 4 kept them, where it packs the experts of a
    /// layer by rows, as transformers 5 does (<c>experts.gate_up_proj</c>, <c>experts.down_proj</c>). It is a view: nothing is copied, and
    /// disposing it leaves the other open.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <returns>The checkpoint itself if it packs no experts.</returns>
    /// <exception cref="MergeException">It packs them in another order.</exception>
    public static ICheckpoint WithExpertsApart(this ICheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return ExpertsApart.Of(checkpoint);
    }

    /// <summary>
    /// The same checkpoint with its layers counted in a stack of choice: the encoder of an encoder-decoder, the vision tower of a model
    /// that sees. Without it, the language model's decoder is chosen. It is a view: nothing is copied, and disposing it leaves the other
    /// open.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="stack">The name of one of its stacks (<see cref="LayerMap.Stacks"/>), such as <c>encoder.block</c>.</param>
    /// <returns>The checkpoint itself if the stack is its main stack.</returns>
    /// <exception cref="MergeException">There is no such stack.</exception>
    public static ICheckpoint WithMainStack(this ICheckpoint checkpoint, string stack)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentException.ThrowIfNullOrEmpty(stack);
        return MainStackCheckpoint.Of(checkpoint, stack);
    }

    /// <summary>
    /// Holds a checkpoint against every rule of its format and reads all of it; where it was written by LayerSwap, every tensor's checksum
    /// is compared with the record. What is wrong with it is in the report, not thrown.
    /// </summary>
    /// <param name="path">A file or a folder.</param>
    /// <param name="progress">Told how far the reading has come; null for nobody.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="IOException">A file could not be read.</exception>
    public static Task<VerifyReport> VerifyAsync(
        string path, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Verifier.Verify(path, Open, progress, cancellationToken), cancellationToken);

    /// <summary>A tensor's bytes as a stream that can be read and sought; valid while the checkpoint is open.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="name">The name of one of its tensors.</param>
    /// <exception cref="ArgumentException">There is no such tensor.</exception>
    public static Stream OpenTensor(this ICheckpoint checkpoint, string name) => new TensorStream(checkpoint, Require(checkpoint, name));

    /// <summary>Copies a whole tensor's bytes into memory of the caller's, such as the <c>bytes</c> of a TorchSharp tensor.</summary>
    /// <typeparam name="T">The element of the destination; its bytes are filled whatever it is.</typeparam>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="name">The name of one of its tensors.</param>
    /// <param name="destination">Exactly as many bytes as the tensor has.</param>
    /// <exception cref="ArgumentException">There is no such tensor, or its size is another.</exception>
    /// <exception cref="OverflowException">The destination has more than 2^31 - 1 bytes: read such a tensor in windows.</exception>
    public static void ReadInto<T>(this ICheckpoint checkpoint, string name, Span<T> destination)
        where T : unmanaged
    {
        TensorInfo tensor = Require(checkpoint, name);
        Span<byte> bytes = MemoryMarshal.AsBytes(destination);
        if (bytes.Length != tensor.ByteLength)
        {
            throw new ArgumentException(
                $"{tensor} has {tensor.ByteLength} bytes; the destination has {bytes.Length}.", nameof(destination));
        }

        checkpoint.Read(name, 0, bytes);
    }

    private static TensorInfo Require(ICheckpoint checkpoint, string name)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return checkpoint.Find(name)
            ?? throw new ArgumentException($"{Printable.Escape(checkpoint.Name)} has no tensor {Printable.Escape(name)}.", nameof(name));
    }
}
