namespace LayerSwap.Checkpoints.PyTorch;

/// <summary>The errors about a PyTorch file. Each message has what was found, where, what was expected, and a remedy.</summary>
internal sealed class PyTorchThrow(string file)
{
    private const string Damaged = "Remedy: the file is damaged or was written by another program: fetch or write it again.";

    private const string SaveAgain =
        "Remedy: load it in Python and save the state dict (torch.save(model.state_dict(), ...), or safetensors.torch.save_file).";

    /// <summary>A rule of the zip or of the legacy format is broken.</summary>
    public CheckpointException Container(string message) => Error(null, $"{message} {Damaged}");

    public CheckpointException Shorter() => Container("it became shorter while it was read.");

    /// <summary>A rule of the pickle is broken.</summary>
    public CheckpointException Pickle(long position, string message) =>
        Error(null, $"its pickle, at byte {position}: {message} {Damaged}");

    /// <summary>The pickle needs code or a type that is never run or built here.</summary>
    public CheckpointException Global(long position, string dotted) =>
        Error(null, $"its pickle, at byte {position}, uses {Printable.Escape(dotted)}. "
            + $"Only tensors, numbers, texts, lists and dictionaries are read, and code in a file is never run. {SaveAgain}");

    public CheckpointException Content(string message) => Error(null, $"{message} {SaveAgain}");

    public CheckpointException Tensor(string tensor, string message, string remedy = Damaged) =>
        Error(tensor, $"tensor {Printable.Escape(tensor)}: {message} {remedy}");

    public CheckpointException Ambiguous(IReadOnlyList<string> keys) =>
        Error(null, $"it has several dictionaries of tensors: {List(keys)}. "
            + "Which is the model? Remedy: name one (`layerswap convert --key NAME`; OpenOptions.Key in code).");

    public CheckpointException NoKey(string key, IReadOnlyList<string> keys) =>
        Error(null, $"it has no dictionary of tensors named {Printable.Escape(key)}. It has {(keys.Count == 0 ? "none" : List(keys))}. "
            + "Remedy: give one of these keys.");

    public CheckpointException Checksum(string tensor, string entry) =>
        Error(tensor, $"tensor {Printable.Escape(tensor)}: the CRC-32 of {Printable.Escape(entry)} does not match its bytes. {Damaged}");

    private static string List(IReadOnlyList<string> keys) =>
        string.Join(", ", keys.Select(k => k.Length == 0 ? "the top level" : Printable.Escape(k)));

    private CheckpointException Error(string? tensor, string message) =>
        new(file, tensor, $"{Printable.Escape(file)} is a PyTorch file that cannot be read: {message}");
}
