using System.Runtime.InteropServices;
using LayerSwap.Checkpoints;
using LayerSwap.Execution;

namespace LayerSwap;

/// <summary>Opens checkpoints, creates them from memory or from other checkpoints, and reads whole tensors.</summary>
public static class Checkpoint
{
    /// <summary>Opens a checkpoint and validates all of its headers; no tensor data is read.</summary>
    /// <param name="path">A file in safetensors, PyTorch (zip or legacy) or TorchSharp format; a folder with <c>model.safetensors</c>,
    /// with <c>model.safetensors.index.json</c> and its shards, or with a single .safetensors file of another name, or else the same with
    /// <c>pytorch_model.bin</c>; an index itself; a folder with a LoRA adapter (<c>adapter_config.json</c>); <c>BASE+ADAPTER</c>, a base
    /// with an adapter applied, unless a folder has that name; or a model's folder in the Hub cache, whose <c>refs/main</c> names the
    /// snapshot. The format is recognised by content; TorchSharp's, which has no magic number, by the extension .dat.</param>
    /// <exception cref="CheckpointException">There is no checkpoint, or it breaks a rule of its format.</exception>
    /// <exception cref="IOException">A file could not be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public static ICheckpoint Open(string path) => Open(path, InputCautions.None);

    /// <inheritdoc cref="Open(string)"/>
    /// <param name="path">A file or a folder. It is only ever read.</param>
    /// <param name="allowed">The checks to skip. Only <see cref="InputCautions.Index"/> has an effect here.</param>
    public static ICheckpoint Open(string path, InputCautions allowed) => Open(path, new OpenOptions { Allowed = allowed });

    /// <inheritdoc cref="Open(string)"/>
    /// <param name="path">A file or a folder. It is only ever read.</param>
    /// <param name="options">What to skip and what to choose.</param>
    public static ICheckpoint Open(string path, OpenOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        return CheckpointPath.Open(path, options);
    }

    /// <summary>Creates a checkpoint from tensors in memory, to merge models that were never saved.</summary>
    /// <param name="name">The name in plans and errors.</param>
    /// <param name="tensors">The tensors with their data: little-endian, row-major, exactly <see cref="TensorInfo.ByteLength"/> bytes each.
    /// Not copied.</param>
    /// <exception cref="ArgumentException">Two tensors have one name, or a length is wrong.</exception>
    public static ICheckpoint InMemory(string name, IEnumerable<(TensorInfo Tensor, ReadOnlyMemory<byte> Data)> tensors)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(tensors);
        return new MemoryCheckpoint(name, tensors);
    }

    /// <summary>
    /// Stacks ranges of layers of other models into one model, renumbered from 0. Embeddings come from the first slice, all other tensors
    /// outside the layers from the last. The result is a view: nothing is copied, and disposing it leaves the models open.
    /// </summary>
    /// <param name="slices">The models with the ranges of layers to take, lowest first; at least one.</param>
    /// <exception cref="ArgumentException">There is no slice, a model has no layers, or the main stacks have different names.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A range exceeds a model's layers.</exception>
    public static ICheckpoint Stack(params IReadOnlyList<(ICheckpoint Model, Range Layers)> slices)
    {
        ArgumentNullException.ThrowIfNull(slices);
        return LayerStack.Create(slices);
    }

    /// <summary>
    /// Replaces prefixes of tensor names, such as <c>module.</c> by nothing. A prefix applies only if names start with the old one and none
    /// with the new one, so one list serves models with and without it. The result is a view: nothing is copied, and disposing it leaves
    /// the checkpoint open.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="prefixes">The replacements; the first that matches a name is applied.</param>
    /// <returns>The view, or the checkpoint itself if no prefix applies.</returns>
    /// <exception cref="MergeException">Two tensors would get one name.</exception>
    public static ICheckpoint Renamed(this ICheckpoint checkpoint, params IReadOnlyList<NamePrefix> prefixes)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(prefixes);
        return RenamedCheckpoint.Create(checkpoint, prefixes);
    }

    /// <summary>
    /// Splits packed experts (<c>experts.gate_up_proj</c>, <c>experts.down_proj</c> of transformers 5) into one tensor for each projection
    /// of each expert, as in transformers 4. The result is a view: nothing is copied, and disposing it leaves the checkpoint open.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <returns>The view, or the checkpoint itself if it has no packed experts.</returns>
    /// <exception cref="MergeException">The experts are packed in another order.</exception>
    public static ICheckpoint WithExpertsApart(this ICheckpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return UnpackedExpertsCheckpoint.Create(checkpoint);
    }

    /// <summary>
    /// Selects the main stack, in which layers are counted: the encoder of an encoder-decoder, the vision tower of a multimodal model. The
    /// default is the language model's decoder. The result is a view: nothing is copied, and disposing it leaves the checkpoint open.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="stack">The name of one of its stacks (<see cref="LayerMap.Stacks"/>), such as <c>encoder.block</c>.</param>
    /// <returns>The view, or the checkpoint itself if the stack is its main stack.</returns>
    /// <exception cref="MergeException">There is no such stack.</exception>
    public static ICheckpoint WithMainStack(this ICheckpoint checkpoint, string stack)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentException.ThrowIfNullOrEmpty(stack);
        return MainStackCheckpoint.Create(checkpoint, stack);
    }

    /// <summary>
    /// Validates a checkpoint, reads every byte, and compares checksums if LayerSwap wrote it. Problems are in the report, not thrown.
    /// </summary>
    /// <param name="path">A file or a folder.</param>
    /// <param name="progress">Receives the progress of reading; null for none.</param>
    /// <param name="cancellationToken">Cancels the verification.</param>
    /// <exception cref="IOException">A file could not be read.</exception>
    public static Task<VerifyReport> VerifyAsync(
        string path, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Verifier.Verify(path, Open, progress, cancellationToken), cancellationToken);

    /// <summary>Opens a tensor's bytes as a seekable, read-only stream, valid while the checkpoint is open.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="name">The name of one of its tensors.</param>
    /// <exception cref="ArgumentException">There is no such tensor.</exception>
    public static Stream OpenTensor(this ICheckpoint checkpoint, string name) => new TensorStream(checkpoint, Require(checkpoint, name));

    /// <summary>Copies a whole tensor's bytes into memory of the caller, such as the <c>bytes</c> of a TorchSharp tensor.</summary>
    /// <typeparam name="T">The element type of the destination; only its bytes matter.</typeparam>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="name">The name of one of its tensors.</param>
    /// <param name="destination">Receives the bytes, row-major; exactly as long in bytes as the tensor.</param>
    /// <exception cref="ArgumentException">There is no such tensor, or the sizes differ.</exception>
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
