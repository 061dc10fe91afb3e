using LayerSwap.Checkpoints;
using LayerSwap.Checkpoints.Sharding;
using LayerSwap.Common;
using LayerSwap.LayerMaps;

namespace LayerSwap.Planning;

/// <summary>Makes a plan from headers alone; everything that is wrong is reported at once.</summary>
internal static class PlanBuilder
{
    public static MergePlan Build(PlanRequest request)
    {
        ProblemList problems = new();
        List<string> warnings = [.. request.Inputs.OfType<ShardedCheckpoint>().SelectMany(s => s.Warnings)];
        // Before anything beside the weights is read.
        IReadOnlyList<WatchedFolder> watched = WatchedFolder.Of([.. request.Inputs, request.Donor, request.Tokenizer ?? request.Donor]);
        request = TiedHeads.Untie(request, warnings);
        IReadOnlyList<ICheckpoint> inputs = request.Inputs;
        InputConfig[] configs = [.. inputs.Select(InputConfig.TryRead).OfType<InputConfig>()];
        InputCheck.Configs(configs, request.Allowed, problems, warnings);
        InputCheck.RenamedDonor(request, configs, problems);
        InputCheck.Heads(configs, problems);
        InputCheck.WholeModels(configs, request.Allowed, problems);
        InputCheck.LayerCounts(inputs, problems);
        if (request.Tokenizer is null)
        {
            InputCheck.Vocabularies(configs, warnings);
        }

        SchemeCheck schemes = new(inputs);
        schemes.Inputs(problems);
        string[] reasons = [.. inputs.Skip(1).Where(o => o.Tensors.Any(t => inputs[0].Find(t.Name) is null)).Select(o => NameDifference.Reason(inputs[0], o)).OfType<string>()];
        if (reasons.Length > 0)
        {
            // One reason says more than every tensor that differs.
            Array.ForEach(reasons, r => problems.Add(r));
            problems.ThrowIfAny();
        }

        LayerMap map = LayerMap.OfAll(inputs);
        HashSet<string> tokenTables = [.. inputs.SelectMany(TokenTables.OfAny).Select(t => t.Name)];
        List<Decision> decisions = Decide(request, map, new TensorPlanner(request, tokenTables, problems), TiedHeads.Tied(inputs, configs), warnings);
        schemes.Decisions(decisions, problems);
        Decision[] tables = [.. decisions.Where(d => tokenTables.Contains(d.Output.Name))];
        RowsAgree(inputs, tables, problems);
        if (request.Tokenizer is null)
        {
            request = TokenizerChoice.Of(request, tables, problems, warnings);
        }

        InputCheck.Endings(request, configs, warnings);
        AuxiliaryFilePlan.Check(request, problems);
        AuxiliaryFilePlan.LeftBehind(request, warnings);
        problems.ThrowIfAny(map.Places.Count());
        foreach (PlanRule rule in request.Rules.Where(r => r.Selector is not null && !map.Places.Any(r.Selector.Matches)).DistinctBy(r => r.Text, StringComparer.Ordinal))
        {
            warnings.Add($"{(rule.Written is null ? "" : rule.Written + ": ")}The rule for {rule.Text} matches no tensor: it changes nothing.");
        }

        if (map.Stacks.Count > 1)
        {
            warnings.Add($"The model has {map.Stacks.Count} stacks of layers ({string.Join(", ", map.Stacks.Select(s => $"{Printable.Escape(s.Key)}: {s.Value}"))}); layers are counted in {Printable.Escape(map.MainStack!)}.");
        }

        Narrowed(request, decisions, warnings);

        // A head of its own goes by a flag of its own.
        bool unties = tables.Any(d => d.Place.Kind == TensorKind.Head) && configs.Any(c => c.Config.TiedEmbeddings == false);
        // The donor need not be an input: a base may be no more than that.
        ModelConfig? config = Array.Find(configs, c => c.Checkpoint == request.Donor)?.Config ?? ModelConfig.TryRead(request.Donor);
        IReadOnlyDictionary<string, System.Text.Json.Nodes.JsonNode> changes = ConfigChanges.Of(request, config, tables, unties, problems, warnings);
        problems.ThrowIfAny();
        return Assemble(request, map, decisions, warnings) with { ConfigChanges = changes, Watched = watched };
    }

    /// <summary>Lists tensors that are narrowed though most are not: those that models of 16 bits keep in 32 on purpose.</summary>
    private static void Narrowed(PlanRequest request, List<Decision> decisions, List<string> warnings)
    {
        string[] narrowed = request.DType is null ? [] : [.. decisions.Where(d => d.Work.Operands.Any(o => o.DType.Bits() > d.Output.DType.Bits())).Select(d => d.Output.Name)];
        if (narrowed.Length > 0 && narrowed.Length * 2 < decisions.Count)
        {
            warnings.Add($"{narrowed.Length} {(narrowed.Length == 1 ? "tensor" : "tensors")} of a wider dtype than the rest {(narrowed.Length == 1 ? "is" : "are")} narrowed to {request.DType!.Value.Code()}: {Printable.List(narrowed, 4)}.");
        }
    }

    private static List<Decision> Decide(PlanRequest request, LayerMap map, TensorPlanner planner, IReadOnlySet<string> tied, List<string> warnings)
    {
        List<Decision> decisions = [];
        List<string> dropped = [];
        foreach (string name in Names(request.Inputs))
        {
            TensorPlace place = map[name];
            if (tied.Contains(name))
            {
                if (request.Inputs.Any(i => i.Find(name) is null))
                {
                    warnings.Add($"{Printable.Escape(name)} is dropped: it is tied to the embeddings, and not every input stores it.");
                    continue;
                }

                // The head is the embedding: what is decided for one holds for both.
                place = place with { Kind = TensorKind.Embedding };
            }

            if (IsComputedAnew(name) && request.Inputs.Any(i => i.Find(name) is null))
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
            warnings.Add($"{Printable.List(dropped, 4)} {(dropped.Count == 1 ? "is" : "are")} dropped: programs that load a model compute {(dropped.Count == 1 ? "it" : "them")} anew, and not every input stores {(dropped.Count == 1 ? "it" : "them")}.");
        }

        return decisions;
    }

    /// <summary>Buffers that older programs stored with the weights, and that no program reads any more.</summary>
    private static bool IsComputedAnew(string name) => name[(name.LastIndexOf('.') + 1)..] is "inv_freq" or "original_inv_freq" or "position_ids" or "masked_bias";

    /// <summary>The names of all inputs in canonical order, in which each input's are already: where all have the same there is nothing to sort.</summary>
    private static IEnumerable<string> Names(IReadOnlyList<ICheckpoint> inputs)
    {
        IReadOnlyList<TensorInfo> first = inputs[0].Tensors;
        return inputs.All(i => TensorList.SameNames(i, inputs[0]))
            ? first.Select(t => t.Name)
            : inputs.SelectMany(i => i.Tensors).Select(t => t.Name).Distinct(StringComparer.Ordinal).Order(NaturalOrder.Instance);
    }

    /// <summary>Embeddings and heads that have the same rows in every input keep to that, though each may be taken from another input.</summary>
    private static void RowsAgree(IReadOnlyList<ICheckpoint> inputs, IReadOnlyList<Decision> tables, ProblemList problems)
    {
        foreach (IGrouping<string, Decision> alike in tables.GroupBy(d => string.Join(',', inputs.Select(i => i.Find(d.Output.Name) is { Shape.Rank: > 0 } t ? TokenTables.RowsOf(t.Shape) : -1)), StringComparer.Ordinal))
        {
            if (alike.Select(d => TokenTables.RowsOf(d.Output.Shape)).Distinct().Count() > 1)
            {
                problems.Add($"The output's tables of tokens would have different numbers of rows: {string.Join(", ", alike.Select(d => $"{d.Output.Shape} in {Printable.Escape(d.Output.Name)}"))}; "
                    + "one vocabulary is expected. Remedy: take all of them from one input, or choose a vocabulary policy, truncate or pad (--vocabulary, vocabulary in a recipe, Vocabulary in code).");
            }
        }
    }

    private static MergePlan Assemble(PlanRequest request, LayerMap map, List<Decision> decisions, List<string> warnings)
    {
        Dictionary<string, string> metadata = new(request.Donor.Metadata, StringComparer.Ordinal) { ["format"] = "pt" };
        IReadOnlyList<PlannedShard> shards = ShardLayout.Of([.. decisions.Select(d => d.Output)], request.ShardSize, metadata);
        Dictionary<string, PlacedTensor> places = shards.SelectMany(s => s.Tensors).ToDictionary(t => t.Tensor.Name, StringComparer.Ordinal);

        // Tensors treated alike have one list of inputs, and so one of their names.
        Dictionary<IReadOnlyList<ICheckpoint>, IReadOnlyList<string>> sources = new(ReferenceEqualityComparer.Instance);
        IReadOnlyList<string> NamesOf(IReadOnlyList<ICheckpoint> read)
        {
            if (!sources.TryGetValue(read, out IReadOnlyList<string>? names))
            {
                sources.Add(read, names = [.. read.Select(i => i.Name).Distinct(StringComparer.Ordinal)]);
            }

            return names;
        }

        PlannedTensor[] tensors = [.. decisions.Select(d => new PlannedTensor
        {
            Tensor = d.Output,
            Place = d.Place,
            Operation = d.Work is TensorWork.Copy or TensorWork.Agree ? PlannedOperation.Take : PlannedOperation.Merge,
            Strategy = d.Rule.Strategy.Name,
            Rule = d.Rule.Text,
            Sources = NamesOf(d.Inputs),
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

    private static string DetailOf(Decision decision) => decision.Work switch
    {
        TensorWork.Convert convert => $"{convert.Operand.DType.Code()} to {decision.Output.DType.Code()}",
        TensorWork.Agree => "all inputs must agree",
        _ => decision.Merge.Detail,
    };
}
