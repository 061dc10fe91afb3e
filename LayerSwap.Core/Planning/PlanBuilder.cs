using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;
using LayerSwap.Checkpoints.TorchSharp;
using LayerSwap.Common;

namespace LayerSwap.Planning;

/// <summary>Builds a plan from headers alone, and reports every problem at once.</summary>
internal static class PlanBuilder
{
    private const int MaxListed = 4;

    public static MergePlan Build(PlanRequest request)
    {
        ProblemList problems = new();
        List<string> warnings = [.. request.Inputs.SelectMany(i => i.Warnings).Distinct(StringComparer.Ordinal)];
        // Recorded before any auxiliary file is read.
        IReadOnlyList<WatchedFolder> watched =
            WatchedFolder.Of([.. request.Inputs, request.ConfigSource, request.TokenizerSource ?? request.ConfigSource]);
        request = TiedHeads.Untie(request, warnings);
        IReadOnlyList<ICheckpoint> inputs = request.Inputs;
        InputConfig[] configs = [.. inputs.Select(InputConfig.TryRead).OfType<InputConfig>()];
        InputCheck.CheckConfigs(configs, request.Allowed, problems, warnings);
        InputCheck.CheckRenamedSource(request, configs, problems);
        InputCheck.CheckHeads(configs, problems);
        InputCheck.CheckCompleteness(configs, request.Allowed, problems);
        InputCheck.CheckLayerCounts(inputs, problems);
        if (request.TokenizerSource is null)
        {
            InputCheck.CheckVocabularySizes(configs, warnings);
        }

        SchemeCheck schemes = new(inputs);
        schemes.CheckInputs(problems);
        ThrowIfNamesDiffer(inputs, problems);

        LayerMap map = LayerMap.OfAll(inputs);
        HashSet<string> tokenTables = [.. inputs.SelectMany(TokenTables.FindInSlices).Select(t => t.Name)];
        TensorPlanner planner = new(request, tokenTables, problems);
        List<TensorDecision> decisions = Decide(request, map, planner, TiedHeads.FindTied(inputs, configs), warnings);
        schemes.CheckDecisions(decisions, problems);
        TensorDecision[] tables = [.. decisions.Where(d => tokenTables.Contains(d.Output.Name))];
        CheckRows(inputs, tables, problems);
        if (request.TokenizerSource is null)
        {
            request = TokenizerChoice.Choose(request, tables, problems, warnings);
        }

        InputCheck.CheckEndTokens(request, configs, warnings);
        AuxiliaryFilePlan.Check(request, problems);
        AuxiliaryFilePlan.WarnOfSkipped(request, warnings);
        problems.ThrowIfAny(map.Places.Count());
        WarnOfUnusedRules(request, map, warnings);
        WarnOfSeveralStacks(map, warnings);
        WarnOfNarrowed(request, decisions, warnings);

        bool untied = tables.Any(d => d.Place.Kind == TensorKind.Head) && configs.Any(c => c.Config.TiedEmbeddings == false);
        // The configuration source is not always an input: a base may give no more than the configuration.
        ModelConfig? config = Array.Find(configs, c => c.Checkpoint == request.ConfigSource)?.Config
            ?? ModelConfig.TryRead(request.ConfigSource);
        IReadOnlyDictionary<string, JsonNode> changes = ConfigChanges.Find(request, config, tables, untied, problems, warnings);
        CheckFormat(request, decisions, problems);
        problems.ThrowIfAny();
        return Assemble(request, map, decisions, warnings) with { ConfigChanges = changes, WatchedFolders = watched };
    }

    /// <summary>Reports the cause of differing names instead of every tensor that differs.</summary>
    private static void ThrowIfNamesDiffer(IReadOnlyList<ICheckpoint> inputs, ProblemList problems)
    {
        string[] reasons =
        [
            .. inputs.Skip(1)
                .Where(i => i.Tensors.Any(t => inputs[0].Find(t.Name) is null))
                .Select(i => NameDifference.Explain(inputs[0], i))
                .OfType<string>(),
        ];
        if (reasons.Length > 0)
        {
            Array.ForEach(reasons, r => problems.Add(r));
            problems.ThrowIfAny();
        }
    }

    private static void WarnOfUnusedRules(PlanRequest request, LayerMap map, List<string> warnings)
    {
        IEnumerable<PlanRule> unused = request.Rules.Where(r => r.Selector is not null && !map.Places.Any(r.Selector.Matches))
            .DistinctBy(r => r.Text, StringComparer.Ordinal);
        foreach (PlanRule rule in unused)
        {
            string place = rule.WrittenAt is null ? "" : rule.WrittenAt + ": ";
            warnings.Add($"{place}The rule for {rule.Text} matches no tensor: it changes nothing.");
        }
    }

    private static void WarnOfSeveralStacks(LayerMap map, List<string> warnings)
    {
        if (map.Stacks.Count > 1)
        {
            IEnumerable<string> stacks = map.Stacks.Select(s => $"{Printable.Escape(s.Key)}: {s.Value}");
            warnings.Add($"The model has {map.Stacks.Count} stacks of layers ({string.Join(", ", stacks)}); "
                + $"layers are counted in {Printable.Escape(map.MainStack!)}.");
        }
    }

    /// <summary>Warns if a minority of tensors is narrowed: 16-bit models keep some tensors in float32 on purpose.</summary>
    private static void WarnOfNarrowed(PlanRequest request, List<TensorDecision> decisions, List<string> warnings)
    {
        if (request.DType is not { } dtype)
        {
            return;
        }

        string[] narrowed =
        [
            .. decisions.Where(d => d.Work.Operands.Any(o => o.DType.Bits() > d.Output.DType.Bits())).Select(d => d.Output.Name),
        ];
        if (narrowed.Length > 0 && narrowed.Length * 2 < decisions.Count)
        {
            string tensors = narrowed.Length == 1 ? "1 tensor" : $"{narrowed.Length} tensors";
            string verb = narrowed.Length == 1 ? "is" : "are";
            warnings.Add($"{tensors} of a wider dtype than the rest {verb} narrowed to {dtype.Code()}: "
                + $"{Printable.List(narrowed, MaxListed)}.");
        }
    }

    private static List<TensorDecision> Decide(
        PlanRequest request, LayerMap map, TensorPlanner planner, IReadOnlySet<string> tied, List<string> warnings)
    {
        List<TensorDecision> decisions = [];
        List<string> dropped = [];
        foreach (string name in NamesOf(request.Inputs))
        {
            TensorPlace place = map[name];
            if (tied.Contains(name))
            {
                if (request.Inputs.Any(i => i.Find(name) is null))
                {
                    warnings.Add($"{Printable.Escape(name)} is dropped: it is tied to the embeddings, and not every input stores it.");
                    continue;
                }

                // A tied head follows the rules for the embedding.
                place = place with { Kind = TensorKind.Embedding };
            }

            if (IsDerivedBuffer(name) && request.Inputs.Any(i => i.Find(name) is null))
            {
                dropped.Add(name);
                continue;
            }

            if (planner.Plan(name, place) is { } decision)
            {
                decisions.Add(decision);
            }
        }

        if (dropped.Count > 0)
        {
            (string verb, string pronoun) = dropped.Count == 1 ? ("is", "it") : ("are", "them");
            warnings.Add($"{Printable.List(dropped, MaxListed)} {verb} dropped: programs that load a model compute {pronoun} again, "
                + $"and not every input stores {pronoun}.");
        }

        return decisions;
    }

    /// <summary>Whether a tensor is a buffer that old programs stored, and that current programs compute.</summary>
    private static bool IsDerivedBuffer(string name) =>
        name[(name.LastIndexOf('.') + 1)..] is "inv_freq" or "original_inv_freq" or "position_ids" or "masked_bias";

    /// <summary>Lists the names of all inputs in canonical order. Each input is sorted already: equal inputs need no sorting.</summary>
    private static IEnumerable<string> NamesOf(IReadOnlyList<ICheckpoint> inputs) =>
        inputs.All(i => TensorList.HaveSameNames(i, inputs[0]))
            ? inputs[0].Tensors.Select(t => t.Name)
            : inputs.SelectMany(i => i.Tensors).Select(t => t.Name).Distinct(StringComparer.Ordinal).Order(NaturalOrder.Instance);

    /// <summary>Reports token tables that have equal rows in every input, but would differ in the output.</summary>
    private static void CheckRows(IReadOnlyList<ICheckpoint> inputs, IReadOnlyList<TensorDecision> tables, ProblemList problems)
    {
        string InputRows(TensorDecision table) => string.Join(',', inputs.Select(i =>
            i.Find(table.Output.Name) is { Shape.Rank: > 0 } tensor ? TokenTables.CountRows(tensor.Shape) : -1));

        foreach (IGrouping<string, TensorDecision> alike in tables.GroupBy(InputRows, StringComparer.Ordinal))
        {
            if (alike.Select(d => TokenTables.CountRows(d.Output.Shape)).Distinct().Count() > 1)
            {
                IEnumerable<string> shapes = alike.Select(d => $"{d.Output.Shape} in {Printable.Escape(d.Output.Name)}");
                problems.Add($"The output's token tables would have different numbers of rows: {string.Join(", ", shapes)}; "
                    + "one vocabulary is expected. Remedy: take all of them from one input, or choose a vocabulary policy, "
                    + "truncate or pad (--vocabulary, vocabulary in a recipe, Vocabulary in code).");
            }
        }
    }

    /// <summary>Reports tensors whose dtype the output's format does not have.</summary>
    private static void CheckFormat(PlanRequest request, List<TensorDecision> decisions, ProblemList problems)
    {
        string[] without =
        [
            .. decisions.Where(d => request.Format == OutputFormat.TorchSharp && TorchSharpFormat.ToCode(d.Output.DType) is null)
                .Select(d => d.Output.ToString()),
        ];
        if (without.Length > 0)
        {
            string dtypes = string.Join(", ", TorchSharpFormat.DTypes.Select(d => d.Code()));
            problems.Add($"TorchSharp's format has no dtype for {Printable.List(without, MaxListed)}; it has {dtypes}. "
                + "Remedy: choose another dtype (--dtype, As in code), or write safetensors.");
        }
    }

    private static MergePlan Assemble(PlanRequest request, LayerMap map, List<TensorDecision> decisions, List<string> warnings)
    {
        Dictionary<string, string> metadata = new(request.ConfigSource.Metadata, StringComparer.Ordinal) { ["format"] = "pt" };
        TensorInfo[] outputs = [.. decisions.Select(d => d.Output)];
        IReadOnlyList<PlannedShard> shards = request.Format == OutputFormat.TorchSharp
            ? [ShardLayout.LayOutTorchSharp(outputs)]
            : ShardLayout.Distribute(outputs, request.ShardSize, metadata);
        Dictionary<string, PlacedTensor> places =
            shards.SelectMany(s => s.Tensors).ToDictionary(t => t.Tensor.Name, StringComparer.Ordinal);

        // Tensors with the same treatment share one list of inputs, and so one list of names.
        Dictionary<IReadOnlyList<ICheckpoint>, IReadOnlyList<string>> names = new(ReferenceEqualityComparer.Instance);
        IReadOnlyList<string> SourcesOf(IReadOnlyList<ICheckpoint> read)
        {
            if (!names.TryGetValue(read, out IReadOnlyList<string>? sources))
            {
                names.Add(read, sources = [.. read.Select(i => i.Name).Distinct(StringComparer.Ordinal)]);
            }

            return sources;
        }

        PlannedTensor[] tensors = [.. decisions.Select(d => new PlannedTensor
        {
            Tensor = d.Output,
            Place = d.Place,
            Operation = d.Work is TensorWork.Copy or TensorWork.CopyIdentical ? PlannedOperation.Take : PlannedOperation.Merge,
            Strategy = d.Rule.Strategy.Name,
            Rule = d.Rule.Text,
            Sources = SourcesOf(d.Inputs),
            Detail = DetailOf(d),
            File = places[d.Output.Name].File,
            Offset = places[d.Output.Name].Offset,
            Work = d.Work,
        })];
        return new MergePlan
        {
            Tensors = tensors,
            Layers = map,
            ReadBytes = tensors.Sum(t => t.ReadBytes),
            WriteBytes = shards.Sum(s => s.Length),
            PeakMemoryBytes = PlanMemory.Estimate(request, decisions),
            Warnings = warnings,
            Request = request,
            Shards = shards,
        };
    }

    private static string DetailOf(TensorDecision decision) => decision.Work switch
    {
        TensorWork.Convert convert => $"{convert.Operand.DType.Code()} to {decision.Output.DType.Code()}",
        TensorWork.CopyIdentical => "all inputs must agree",
        _ => decision.Operation.Detail,
    };
}
