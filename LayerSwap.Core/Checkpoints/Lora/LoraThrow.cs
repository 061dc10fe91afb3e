namespace LayerSwap.Checkpoints.Lora;

/// <summary>The errors about an adapter. Each message has what was found, what was expected, and a remedy.</summary>
internal sealed class LoraThrow(string adapter)
{
    private const string FetchAgain = "Remedy: fetch or save the adapter again.";
    private const string MergeInPeft = "Remedy: apply it with PEFT (merge_and_unload), save the model, and use that.";

    /// <summary>The adapter is of a kind whose mathematics is another.</summary>
    public CheckpointException Unsupported(string message) => Error(null, $"{message} {MergeInPeft}");

    public CheckpointException Damaged(string message, string? tensor = null) => Error(tensor, $"{message} {FetchAgain}");

    public CheckpointException WrongBase(string message, string? tensor) =>
        Error(tensor, $"{message} Remedy: give the base that the adapter was trained on (BASE+ADAPTER, or --base).");

    public CheckpointException NoBase(string message) => Error(null, $"{message} Remedy: name the base: BASE+ADAPTER, or --base BASE.");

    private CheckpointException Error(string? tensor, string message) =>
        new(adapter, tensor, $"{Printable.Escape(adapter)} is an adapter that cannot be applied: {message}");
}
