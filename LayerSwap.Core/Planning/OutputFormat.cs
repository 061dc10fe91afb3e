namespace LayerSwap;

/// <summary>The file format of an output's weights.</summary>
public enum OutputFormat
{
    /// <summary>safetensors: one file, or shards with an index. The default.</summary>
    SafeTensors,

    /// <summary>
    /// TorchSharp (<c>Module.save</c>): one file, <c>model.dat</c>, which <c>Module.load</c> reads. It has no 8-bit floats, no unsigned
    /// integers above 8 bits, and no shards.
    /// </summary>
    TorchSharp,
}
