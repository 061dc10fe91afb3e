namespace LayerSwap.Checkpoints.TorchSharp;

/// <summary>Creates every error about a TorchSharp file.</summary>
internal sealed class TorchSharpThrow(string file)
{
    private const string Remedy = "Remedy: the file is damaged or no TorchSharp file (Module.save): write it again.";

    public CheckpointException File(string message) => Error(null, $"{message} {Remedy}");

    public CheckpointException Entry(int index, string message) => Error(null, $"its entry {index + 1}: {message} {Remedy}");

    public CheckpointException Tensor(string tensor, string message) =>
        Error(tensor, $"tensor {Printable.Escape(tensor)}: {message} {Remedy}");

    public CheckpointException NoType(string tensor, string type) =>
        Error(tensor, $"tensor {Printable.Escape(tensor)}: its type is {type}, which has no equal in safetensors. "
            + "Remedy: convert it before saving.");

    private CheckpointException Error(string? tensor, string message) =>
        new(file, tensor, $"{Printable.Escape(file)} is not a valid TorchSharp file: {message}");
}
