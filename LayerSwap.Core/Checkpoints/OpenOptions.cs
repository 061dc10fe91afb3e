namespace LayerSwap;

/// <summary>Options of <see cref="Checkpoint.Open(string, OpenOptions)"/>.</summary>
public sealed record OpenOptions
{
    /// <summary>The checks to skip; none by default. Only <see cref="InputCautions.Index"/> has an effect here.</summary>
    public InputCautions Allowed { get; init; }

    /// <summary>
    /// The key of the dictionary in a PyTorch file that is the model, with dots between levels, such as <c>checkpoint.model</c>. Null, the
    /// default, finds it, and refuses a file with several candidates. Has no effect on other formats.
    /// </summary>
    public string? Key { get; init; }

    /// <summary>
    /// The base of an adapter, as a path; null, the default, for the one its configuration names. Only a folder with an
    /// <c>adapter_config.json</c> and no model needs it.
    /// </summary>
    public string? Base { get; init; }
}
