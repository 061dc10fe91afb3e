using LayerSwap.Checkpoints;
using LayerSwap.Common;

namespace LayerSwap.Planning;

/// <summary>Chooses the model whose tokenizer is written: tokens must stand for the rows that the output has.</summary>
internal static class TokenizerChoice
{
    private const int Shown = 6;

    /// <summary>
    /// Compares the tokenizers of the models that rows of tokens come from, and takes that of the donor if it is one of them. If not, or if it has tokens beyond the rows, or fewer than there are rows
    /// under a policy that pads, another one of them is taken, and the plan says so.
    /// </summary>
    /// <param name="request">What is planned.</param>
    /// <param name="tables">What is done to tables with a row for each token.</param>
    /// <param name="problems">Tokens with several ids are named there.</param>
    /// <param name="warnings">What one should know.</param>
    public static PlanRequest Of(PlanRequest request, IReadOnlyList<Decision> tables, ProblemList problems, List<string> warnings)
    {
        ICheckpoint[] givers = [.. tables.SelectMany(Givers).DistinctBy(AuxiliaryFiles.SourceOf)];
        ICheckpoint[] models = givers.Length > 0 ? givers : [.. request.Inputs.DistinctBy(AuxiliaryFiles.SourceOf)];
        InputCheck.Tokenizers(models, problems, warnings);
        if (request.Inputs.Any(i => i is MappedCheckpoint) && tables.Select(d => TokenTables.RowsOf(d.Output.Shape)).Distinct().Count() > 1)
        {
            problems.Add($"The output's tables of tokens would have different numbers of rows: {string.Join(", ", tables.Select(d => $"{d.Output.Shape} in {Printable.Escape(d.Output.Name)}"))}; the slices that they come from have other tokens. "
                + "Remedy: add tokenizer_source: base (or union) to the recipe, which puts rows on their tokens.");
        }

        if (tables.Count == 0)
        {
            return request;
        }

        long rows = tables.Max(d => TokenTables.RowsOf(d.Output.Shape));
        Dictionary<ICheckpoint, TokenizerVocabulary> known = [];
        foreach (ICheckpoint model in models)
        {
            if (TokenizerVocabulary.TryRead(model) is { IsWhole: true, Ids.Count: > 0 } found)
            {
                known.Add(model, found);
            }
        }

        ICheckpoint? donor = Array.Find(models, m => AuxiliaryFiles.SourceOf(m) == AuxiliaryFiles.SourceOf(request.Donor));
        bool HasRows(ICheckpoint model) => request.Vocabulary != VocabularyPolicy.Pad || TokenTables.Of(model).Select(t => TokenTables.RowsOf(t.Shape)).DefaultIfEmpty(0).Max() >= rows;
        bool Fits(ICheckpoint model) => HasRows(model) && (!known.TryGetValue(model, out TokenizerVocabulary? own) || own.Ids.Values.Max() < rows);
        ICheckpoint chosen = donor is not null && (Fits(donor) || known.Count == 0) ? donor
            : Array.Find(models, m => known.ContainsKey(m) && Fits(m)) ?? donor ?? models[0];
        string[] lost = [.. known.Values.SelectMany(v => v.Ids).Where(t => t.Value >= rows).Select(t => t.Key).Distinct(StringComparer.Ordinal)];
        if (lost.Length > 0)
        {
            warnings.Add($"{lost.Length} {(lost.Length == 1 ? "token has" : "tokens have")} no row in the output, which has {rows}: {Printable.List(lost, Shown)}.");
        }

        if (chosen == donor || (!known.ContainsKey(chosen) && donor is not null))
        {
            return request;
        }

        warnings.Add($"The tokenizer is that of {Printable.Escape(chosen.Name)}: {(donor is null ? "the rows of tokens come from it" : "its tokens are those of the rows")}.");
        return request with { Tokenizer = chosen };
    }

    /// <summary>The models that a table's rows come from.</summary>
    private static IEnumerable<ICheckpoint> Givers(Decision table) => table.Work.Operands.Select(o => o.Checkpoint is MappedCheckpoint stack ? stack.OriginOf(o.Tensor.Name) : o.Checkpoint);
}
