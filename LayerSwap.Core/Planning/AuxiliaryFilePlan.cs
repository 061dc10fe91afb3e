using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;
using LayerSwap.Common;

namespace LayerSwap.Planning;

/// <summary>A file written next to the weights, and the function that makes its bytes.</summary>
internal sealed record AuxiliaryFile(string Name, Func<byte[]> Make);

/// <summary>The files written next to the weights: configuration, tokenizer, chat template, model code, licence.</summary>
internal static class AuxiliaryFilePlan
{
    private const int MaxListed = 200;

    private const string GenerationFile = "generation_config.json";

    /// <summary>Lists the files by name, in ordinal order. <paramref name="changes"/> apply to config.json.</summary>
    public static IEnumerable<AuxiliaryFile> ListFiles(PlanRequest request, IReadOnlyDictionary<string, JsonNode> changes)
    {
        Dictionary<string, Func<byte[]>> files = new(StringComparer.Ordinal);
        foreach ((ICheckpoint source, string name) in CopiedFiles(request))
        {
            files[name] = () => source == request.ConfigSource && name == ModelConfig.FileName && changes.Count > 0
                ? WriteConfig(source, changes)
                : AuxiliaryFiles.ReadForCopy(source, name);
        }

        // A tokenizer source without generation_config.json states its end-of-text tokens in config.json.
        if (request.TokenizerSource is { } tokenizer
            && files.ContainsKey(GenerationFile)
            && !AuxiliaryFiles.Has(tokenizer, GenerationFile)
            && AuxiliaryFiles.FindSource(tokenizer) != AuxiliaryFiles.FindSource(request.ConfigSource))
        {
            files[GenerationFile] = () => WriteGenerationConfig(request.ConfigSource, tokenizer);
        }

        foreach ((string name, byte[]? bytes) in request.ReplacedFiles)
        {
            if (bytes is null)
            {
                files.Remove(name);
            }
            else
            {
                files[name] = () => bytes;
            }
        }

        return files.Keys.Order(StringComparer.Ordinal).Select(name => new AuxiliaryFile(name, files[name]));
    }

    /// <summary>Reports every file that should be copied and cannot be.</summary>
    public static void Check(PlanRequest request, ProblemList problems)
    {
        foreach ((ICheckpoint source, string name) in CopiedFiles(request).Where(f => !request.ReplacedFiles.ContainsKey(f.Name)))
        {
            if (AuxiliaryFiles.ExplainRefusal(source, name) is { } refusal)
            {
                problems.Add(refusal);
            }
        }
    }

    /// <summary>Warns about files of the configuration and tokenizer sources that are not copied.</summary>
    public static void WarnOfSkipped(PlanRequest request, List<string> warnings)
    {
        if (AuxiliaryFiles.ListExcluded(request.ConfigSource) is { Count: > 0 } skipped)
        {
            warnings.Add($"Not copied from {Printable.Escape(request.ConfigSource.Name)} "
                + $"(other weights, training states or logs, or over the limits): {Printable.List(skipped, MaxListed)}.");
        }

        if (request.ReplacedFiles.Where(f => f.Value is null).Select(f => f.Key).ToArray() is { Length: > 0 } outdated)
        {
            warnings.Add($"Not copied from {Printable.Escape((request.TokenizerSource ?? request.ConfigSource).Name)}: "
                + $"{Printable.List(outdated, MaxListed)}. "
                + "The output's tokenizer has tokens that cannot be added to a file of this format.");
        }
    }

    private static IEnumerable<(ICheckpoint Source, string Name)> CopiedFiles(PlanRequest request)
    {
        ICheckpoint tokenizer = request.TokenizerSource ?? request.ConfigSource;

        // The end-of-text token belongs to the tokenizer.
        ICheckpoint SourceOf(string name) =>
            name == GenerationFile && AuxiliaryFiles.Has(tokenizer, name) ? tokenizer : request.ConfigSource;

        // A template chosen by the recipe replaces all others.
        bool IsReplacedTemplate(string name) => request.ReplacedFiles.ContainsKey("chat_template.jinja")
            && (name == "chat_template.json" || name.StartsWith("additional_chat_templates/", StringComparison.Ordinal));

        return
        [
            .. AuxiliaryFiles.ListCopied(request.ConfigSource).Where(n => !AuxiliaryFiles.IsTokenizerFile(n)).Select(n => (SourceOf(n), n)),
            .. AuxiliaryFiles.ListCopied(tokenizer).Where(n => AuxiliaryFiles.IsTokenizerFile(n) && !IsReplacedTemplate(n))
                .Select(n => (tokenizer, n)),
        ];
    }

    /// <summary>Writes the generation settings with the token ids of another tokenizer.</summary>
    private static byte[] WriteGenerationConfig(ICheckpoint model, ICheckpoint tokenizer)
    {
        ModelConfig generation = ModelConfig.TryReadFile(model, GenerationFile)!;
        if (ModelConfig.TryRead(tokenizer) is { } config)
        {
            foreach (string key in ConfigChanges.TokenKeys.Where(config.Has))
            {
                generation.Root[key] = config.Copy(key);
            }
        }

        TokenIdMapper ids = new(model, tokenizer);
        foreach ((string path, JsonNode value) in ids.MapIds(generation.Root, "")
            .Where(m => !ConfigChanges.TokenKeys.Contains(m.Path[1..], StringComparer.Ordinal))
            .ToList())
        {
            generation.Root[path[1..]] = value;
        }

        return PythonJson.Write(generation.Root);
    }

    private static byte[] WriteConfig(ICheckpoint model, IReadOnlyDictionary<string, JsonNode> changes)
    {
        ModelConfig config = ModelConfig.TryRead(model)!;
        config.Apply(changes);
        return PythonJson.Write(config.Root);
    }
}
