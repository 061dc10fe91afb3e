namespace LayerSwap.Checkpoints.Lora;

/// <summary>A base model with a LoRA adapter applied to it: a view, computed block by block when it is read.</summary>
internal sealed class AdaptedCheckpoint : ICheckpoint, IComputedCheckpoint
{
    private readonly ICheckpoint _base, _weights;
    private readonly TensorList _tensors;
    private readonly Dictionary<string, AdaptedTensor> _adapted;
    private readonly AdapterBinding _binding;

    private AdaptedCheckpoint(string name, string adapter, ICheckpoint @base, ICheckpoint weights, AdapterBinding binding)
    {
        (Name, Adapter, _base, _weights, _binding) = (name, adapter, @base, weights, binding);
        _adapted = binding.Tensors.ToDictionary(t => t.Info.Name, StringComparer.Ordinal);
        _tensors = new TensorList(
            [.. @base.Tensors.Where(t => !_adapted.ContainsKey(t.Name)), .. binding.Tensors.Select(t => t.Info)]);
        Files = [.. @base.Files, .. weights.Files];
        Folder = @base.Folder;
        Watched = WatchedFolder.Of([@base, weights]);
        Warnings = [.. @base.Warnings, .. weights.Warnings, .. binding.Warnings.Select(w => $"{Printable.Escape(adapter)}: {w}")];
        GeneratedFiles = ListFiles();
    }

    public string Name { get; }

    /// <summary>The path of the adapter.</summary>
    public string Adapter { get; }

    /// <summary>The path of the base.</summary>
    public string BaseName => _base.Name;

    public string? Folder { get; }

    public IReadOnlyList<TensorInfo> Tensors => _tensors.Ordered;

    public IReadOnlyDictionary<string, string> Metadata => _base.Metadata;

    public IReadOnlyList<CheckpointFile> Files { get; }

    public IReadOnlyList<string> Warnings { get; }

    public IReadOnlyDictionary<string, Func<byte[]>> GeneratedFiles { get; }

    public IReadOnlyList<WatchedFolder> Watched { get; }

    public IReadOnlyList<ICheckpoint> Inputs => [_base];

    /// <summary>A few blocks of 65,536 elements as float64.</summary>
    public long WorkingBytesPerThread => 4_000_000;

    /// <summary>Whether a folder holds an adapter and no model.</summary>
    public static bool IsAdapter(string folder) => InputFile.Exists(Path.Combine(folder, AdapterConfig.FileName))
        && !InputFile.Exists(Path.Combine(folder, ModelConfig.FileName));

    /// <summary>Opens an adapter on its base.</summary>
    /// <param name="name">The name in plans and errors.</param>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="basePath">The base; null to find it by the adapter's configuration.</param>
    /// <param name="options">Applies to the files of both.</param>
    public static AdaptedCheckpoint Open(string name, string folder, string? basePath, OpenOptions options)
    {
        LoraThrow error = new(folder);
        if (!InputFile.Exists(Path.Combine(folder, AdapterConfig.FileName)))
        {
            throw error.Damaged($"it has no {AdapterConfig.FileName}.");
        }

        AdapterConfig config = AdapterConfig.Read(folder, error);
        ICheckpoint @base = CheckpointPath.Open(basePath ?? FindBase(folder, config, error), options with { Base = null, Key = null });
        ICheckpoint? weights = null;
        try
        {
            weights = OpenWeights(folder, error);
            AdapterBinding binding = AdapterBinder.Bind(config, weights, @base, error);
            return new AdaptedCheckpoint(name, folder, @base, weights, binding);
        }
        catch
        {
            weights?.Dispose();
            @base.Dispose();
            throw;
        }
    }

    public DType DefaultDType(string name) =>
        _adapted.TryGetValue(name, out AdaptedTensor? adapted) ? adapted.DefaultDType : _base.DefaultDType(name);

    public string? FileOf(string name) =>
        _adapted.TryGetValue(name, out AdaptedTensor? adapted)
            ? adapted.Source.Checkpoint.FileOf(adapted.Source.Tensor.Name)
            : _base.FileOf(name);

    public TensorInfo? Find(string name) => _tensors.Find(name);

    public void Read(string name, long offset, Span<byte> destination)
    {
        _tensors.CheckRange(Name, name, offset, destination.Length);
        if (_adapted.TryGetValue(name, out AdaptedTensor? adapted))
        {
            adapted.Read(offset, destination);
        }
        else
        {
            _base.Read(name, offset, destination);
        }
    }

    public void Dispose()
    {
        _weights.Dispose();
        _base.Dispose();
    }

    private static ICheckpoint OpenWeights(string folder, LoraThrow error)
    {
        string safetensors = Path.Combine(folder, "adapter_model.safetensors"), pickled = Path.Combine(folder, "adapter_model.bin");
        return InputFile.Exists(safetensors) ? WeightsFormat.SafeTensors.Open(safetensors, new OpenOptions())
            : InputFile.Exists(pickled) ? WeightsFormat.PyTorch.Open(pickled, new OpenOptions())
            : throw error.Damaged("it has neither adapter_model.safetensors nor adapter_model.bin.");
    }

    /// <summary>Finds the base that the adapter names: a path, relative to the adapter or to the current folder.</summary>
    private static string FindBase(string folder, AdapterConfig config, LoraThrow error)
    {
        if (config.Base is not { } name)
        {
            throw error.NoBase("its configuration names no base model.");
        }

        string[] candidates = [Path.Combine(folder, name), name];
        return Array.Find(candidates, c => Directory.Exists(InputFile.ResolvePath(c)))
            ?? throw error.NoBase($"its base is {Printable.Escape(name)}, which is no folder here.");
    }

    /// <summary>Lists the base's files, with a changed config.json. A tokenizer beside the adapter counts if it adds vocabulary.</summary>
    private Dictionary<string, Func<byte[]>> ListFiles()
    {
        Dictionary<string, Func<byte[]>> files = new(StringComparer.Ordinal);
        foreach (string file in AuxiliaryFiles.ListCopied(_base))
        {
            files[file] = () => AuxiliaryFiles.ReadForCopy(_base, file);
        }

        if (_binding.ConfigValues.ContainsKey("vocab_size"))
        {
            foreach (string file in AuxiliaryFiles.ListCopied(_weights).Where(AuxiliaryFiles.IsTokenizerFile))
            {
                files[file] = () => AuxiliaryFiles.ReadForCopy(_weights, file);
            }
        }

        if (_binding.ConfigValues.Count > 0 && files.ContainsKey(ModelConfig.FileName))
        {
            files[ModelConfig.FileName] = ChangeConfig;
        }

        return files;
    }

    private byte[] ChangeConfig()
    {
        ModelConfig config = ModelConfig.TryRead(_base)!;
        config.Apply(_binding.ConfigValues);
        return PythonJson.Write(config.Root);
    }
}
