using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;
using LayerSwap.Common;

namespace LayerSwap.Planning;

/// <summary>A file beside the weights, and how its contents are made.</summary>
internal sealed record AuxiliaryFile(string Name, Func<byte[]> Make);

/// <summary>What lies beside the weights: configuration, generation settings, tokenizer, chat template, model code, licence.</summary>
internal static class AuxiliaryFilePlan
{
    private const int MostListed = 200;

    private const string GenerationFile = "generation_config.json";

    /// <summary>In the order of their names; config.json with what changed.</summary>
    public static IEnumerable<AuxiliaryFile> Of(PlanRequest request, IReadOnlyDictionary<string, JsonNode> changes)
    {
        Dictionary<string, Func<byte[]>> files = new(StringComparer.Ordinal);
        foreach ((ICheckpoint from, string name) in Copied(request))
        {
            files[name] = () => from == request.Donor && name == ModelConfig.FileName && changes.Count > 0 ? Changed(from, changes) : AuxiliaryFiles.Copy(from, name);
        }

        // Without a generation configuration of its own, a tokenizer's model says in its config.json how texts end.
        if (request.Tokenizer is { } tokenizer && files.ContainsKey(GenerationFile) && !AuxiliaryFiles.Has(tokenizer, GenerationFile) && AuxiliaryFiles.SourceOf(tokenizer) != AuxiliaryFiles.SourceOf(request.Donor))
        {
            files[GenerationFile] = () => Ended(request.Donor, tokenizer);
        }

        foreach ((string name, byte[]? bytes) in request.Beside)
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

    /// <summary>Names every file that would be copied and cannot be.</summary>
    public static void Check(PlanRequest request, ProblemList problems)
    {
        foreach ((ICheckpoint from, string name) in Copied(request).Where(f => !request.Beside.ContainsKey(f.Name)))
        {
            if (AuxiliaryFiles.Refusal(from, name) is { } refusal)
            {
                problems.Add(refusal);
            }
        }
    }

    /// <summary>Lists what lies beside the weights of the model that gives the configuration and is not copied.</summary>
    public static void LeftBehind(PlanRequest request, List<string> warnings)
    {
        if (AuxiliaryFiles.LeftBehindOf(request.Donor) is { Count: > 0 } left)
        {
            warnings.Add($"Not copied from {Printable.Escape(request.Donor.Name)} (other weights, states or logs of a training, or too much): {Printable.List(left, MostListed)}.");
        }

        if (request.Beside.Where(f => f.Value is null).Select(f => f.Key).ToArray() is { Length: > 0 } outdated)
        {
            warnings.Add($"Not copied from {Printable.Escape((request.Tokenizer ?? request.Donor).Name)}: {Printable.List(outdated, MostListed)}. The output's tokenizer has words that a file of this format cannot be given.");
        }
    }

    private static IEnumerable<(ICheckpoint From, string Name)> Copied(PlanRequest request)
    {
        ICheckpoint tokenizer = request.Tokenizer ?? request.Donor;
        // How a text ends is the tokenizer's.
        ICheckpoint GiverOf(string name) => name == GenerationFile && AuxiliaryFiles.Has(tokenizer, name) ? tokenizer : request.Donor;
        // A template that the recipe chose is the only one.
        bool IsOther(string name) => request.Beside.ContainsKey("chat_template.jinja") && (name == "chat_template.json" || name.StartsWith("additional_chat_templates/", StringComparison.Ordinal));
        return [.. AuxiliaryFiles.CopiedOf(request.Donor).Where(n => !AuxiliaryFiles.IsOfTokenizer(n)).Select(n => (GiverOf(n), n)), .. AuxiliaryFiles.CopiedOf(tokenizer).Where(n => AuxiliaryFiles.IsOfTokenizer(n) && !IsOther(n)).Select(n => (tokenizer, n))];
    }

    private static byte[] Ended(ICheckpoint donor, ICheckpoint tokenizer)
    {
        ModelConfig generation = ModelConfig.TryReadFile(donor, GenerationFile)!;
        if (ModelConfig.TryRead(tokenizer) is { } config)
        {
            foreach (string key in ConfigChanges.TokenKeys.Where(config.Has))
            {
                generation.Root[key] = config.Copy(key);
            }
        }

        foreach ((string path, System.Text.Json.Nodes.JsonNode value) in new TokenIds(donor, tokenizer).Moved(generation.Root, "").Where(m => !ConfigChanges.TokenKeys.Contains(m.Path[1..], StringComparer.Ordinal)).ToList())
        {
            generation.Root[path[1..]] = value;
        }

        return PythonJson.Write(generation.Root);
    }

    private static byte[] Changed(ICheckpoint donor, IReadOnlyDictionary<string, JsonNode> changes)
    {
        ModelConfig config = ModelConfig.TryRead(donor)!;
        config.Apply(changes);
        return PythonJson.Write(config.Root);
    }
}
