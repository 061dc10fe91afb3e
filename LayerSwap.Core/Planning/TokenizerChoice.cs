using LayerSwap.Checkpoints;
using LayerSwap.Common;

namespace LayerSwap.Planning;

/// <summary>Chooses the model whose tokenizer is copied: its tokens must fit the rows of the output's token tables.</summary>
internal static class TokenizerChoice
{
    private const int MaxListed = 6;

    /// <summary>
    /// Compares the tokenizers of the models that token rows come from. The configuration source is chosen if it is one of them, has no
    /// token beyond the rows, and has all rows under a policy that pads; else another model, with a warning.
    /// </summary>
    /// <param name="request">The merge to plan.</param>
    /// <param name="tables">The decisions for tables with a row for each token.</param>
    /// <param name="problems">Receives tokens that have several ids.</param>
    /// <param name="warnings">Receives lost tokens and a choice other than the configuration source.</param>
    public static PlanRequest Choose(
        PlanRequest request, IReadOnlyList<TensorDecision> tables, ProblemList problems, List<string> warnings)
    {
        ICheckpoint[] rowSources = [.. tables.SelectMany(RowSourcesOf).DistinctBy(AuxiliaryFiles.FindSource)];
        ICheckpoint[] models = rowSources.Length > 0 ? rowSources : [.. request.Inputs.DistinctBy(AuxiliaryFiles.FindSource)];
        InputCheck.CheckTokenizers(models, problems, warnings);
        if (request.Inputs.Any(i => i is MappedCheckpoint)
            && tables.Select(d => TokenTables.CountRows(d.Output.Shape)).Distinct().Count() > 1)
        {
            IEnumerable<string> shapes = tables.Select(d => $"{d.Output.Shape} in {Printable.Escape(d.Output.Name)}");
            problems.Add($"The output's token tables would have different numbers of rows: {string.Join(", ", shapes)}; "
                + "the slices that they come from have other tokens. "
                + "Remedy: add tokenizer_source: base (or union) to the recipe, which puts rows on their tokens.");
        }

        if (tables.Count == 0)
        {
            return request;
        }

        long rows = tables.Max(d => TokenTables.CountRows(d.Output.Shape));
        Dictionary<ICheckpoint, TokenizerVocabulary> vocabularies = [];
        foreach (ICheckpoint model in models)
        {
            if (TokenizerVocabulary.TryRead(model) is { IsComplete: true, Ids.Count: > 0 } found)
            {
                vocabularies.Add(model, found);
            }
        }

        bool HasAllRows(ICheckpoint model) =>
            TokenTables.Find(model).Select(t => TokenTables.CountRows(t.Shape)).DefaultIfEmpty(0).Max() >= rows;

        bool Fits(ICheckpoint model) => (request.Vocabulary != VocabularyPolicy.Pad || HasAllRows(model))
            && (!vocabularies.TryGetValue(model, out TokenizerVocabulary? vocabulary) || vocabulary.Ids.Values.Max() < rows);

        ICheckpoint? configSource = Array
            .Find(models, m => AuxiliaryFiles.FindSource(m) == AuxiliaryFiles.FindSource(request.ConfigSource));
        ICheckpoint chosen = configSource is not null && (vocabularies.Count == 0 || Fits(configSource))
            ? configSource
            : Array.Find(models, m => vocabularies.ContainsKey(m) && Fits(m)) ?? configSource ?? models[0];
        string[] lost =
        [
            .. vocabularies.Values.SelectMany(v => v.Ids).Where(t => t.Value >= rows).Select(t => t.Key).Distinct(StringComparer.Ordinal),
        ];
        if (lost.Length > 0)
        {
            warnings.Add($"{lost.Length} {(lost.Length == 1 ? "token has" : "tokens have")} no row in the output, "
                + $"which has {rows}: {Printable.List(lost, MaxListed)}.");
        }

        if (chosen == configSource || (!vocabularies.ContainsKey(chosen) && configSource is not null))
        {
            return request;
        }

        string reason = configSource is null ? "the rows of tokens come from it" : "its tokens match the rows";
        warnings.Add($"The tokenizer is copied from {Printable.Escape(chosen.Name)}: {reason}.");
        return request with { TokenizerSource = chosen };
    }

    /// <summary>Lists the models that a table's rows come from.</summary>
    private static IEnumerable<ICheckpoint> RowSourcesOf(TensorDecision table) => table.Work.Operands.Select(o =>
        o.Checkpoint is MappedCheckpoint stack ? stack.FindSource(o.Tensor.Name) : o.Checkpoint);
}
