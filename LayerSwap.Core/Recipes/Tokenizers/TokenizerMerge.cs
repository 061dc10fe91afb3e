using LayerSwap.Checkpoints;
using LayerSwap.Streaming;

namespace LayerSwap.Recipes;

/// <summary>
/// One vocabulary for models with different ones: the output's tokens, views of the models whose tables have a row for each of them, and the tokenizer's files. A token that a model lacks has
/// the base's row; where the base lacks it too, that of the one model that has it, or the mean of several; where none has it, the mean of all of the model's own rows, as rows without a token have.
/// </summary>
internal sealed class TokenizerMerge
{
    private readonly TokenizerRequest _request;
    private readonly IReadOnlyList<ICheckpoint> _models;
    private readonly TokenizerVocabulary[] _vocabularies;
    private readonly string[][] _tables;
    private readonly long[] _rows;
    private readonly ICheckpoint? _base;
    private readonly Func<ModelReference, ICheckpoint> _open;
    private readonly YamlReader _problems;
    private readonly Dictionary<string, long> _output;

    private TokenizerMerge(TokenizerRequest request, IReadOnlyList<ICheckpoint> models, TokenizerVocabulary[] vocabularies, ICheckpoint? origin, ICheckpoint donor, Func<ModelReference, ICheckpoint> open, YamlReader problems)
    {
        _request = request;
        _models = models;
        _vocabularies = vocabularies;
        _base = origin;
        _open = open;
        _problems = problems;
        Donor = donor;
        IReadOnlyList<TensorInfo>[] tables = [.. models.Select(TokenTables.Of)];
        _tables = [.. tables.Select(t => t.Select(x => x.Name).ToArray())];
        _rows = [.. tables.Select(t => t.Count == 0 ? 0 : TokenTables.RowsOf(t[0].Shape))];
        _output = new Dictionary<string, long>(VocabularyOf(donor).Ids, StringComparer.Ordinal);
    }

    /// <summary>The model whose tokenizer files are copied.</summary>
    public ICheckpoint Donor { get; }

    /// <summary>Files of the tokenizer that are written instead of the donor's.</summary>
    public Dictionary<string, byte[]?> Files { get; } = new(StringComparer.Ordinal);

    /// <returns>Null where there are problems.</returns>
    public static TokenizerMerge? Of(TokenizerRequest request, IReadOnlyList<ICheckpoint> models, ICheckpoint? origin, Func<ModelReference, ICheckpoint> open, YamlReader problems)
    {
        List<TokenizerVocabulary> vocabularies = [];
        foreach (ICheckpoint checkpoint in models)
        {
            if (TokenizerVocabulary.TryRead(checkpoint) is { IsWhole: true } found)
            {
                vocabularies.Add(found);
            }
            else
            {
                problems.Add(request.Place, AuxiliaryFiles.Has(checkpoint, TokenizerVocabulary.PiecesFile)
                    ? $"{Printable.Escape(checkpoint.Name)} has {TokenizerVocabulary.PiecesFile} alone (SentencePiece), which is not read. Remedy: make a {TokenizerVocabulary.TokenizerFile} of it (AutoTokenizer.from_pretrained and save_pretrained in transformers), or leave the tokenizer section out."
                    : $"{Printable.Escape(checkpoint.Name)} has no {TokenizerVocabulary.TokenizerFile}, {TokenizerVocabulary.VocabularyFile} or {TokenizerVocabulary.LinesFile} that tells its tokens. Remedy: put its tokenizer beside its weights, or leave the tokenizer section out.");
            }
        }

        if (vocabularies.Count < models.Count)
        {
            return null;
        }

        TokenizerMerge merge = new(request, models, [.. vocabularies], origin, request.Model is { } model ? open(model) : origin ?? models[0], open, problems);
        if (merge.HasImpossibleIds())
        {
            return null;
        }

        merge.AddMissing();
        return merge;
    }

    /// <summary>The view of a model with a row for each token of the output.</summary>
    /// <returns>Null where there are problems.</returns>
    public ICheckpoint? ViewOf(ICheckpoint model)
    {
        // Tables are not cut where rows without a token are all that differs.
        long needed = Math.Max(_output.Values.Max() + 1, RowsOf(Donor)), rows = (needed + _request.PadTo - 1) / _request.PadTo * _request.PadTo;
        string[] tables = _tables[IndexOf(model)];
        if (tables.Length == 0)
        {
            _problems.Add(_request.Place, $"{Printable.Escape(model.Name)} has no table of token embeddings whose rows could follow a tokenizer.");
            return null;
        }

        foreach (ICheckpoint other in _models.Where(o => tables.Any(t => !CanGive(o, model.Find(t)!))))
        {
            _problems.Add(_request.Place, $"{Printable.Escape(other.Name)} lacks {string.Join(" or ", tables.Where(t => !CanGive(other, model.Find(t)!)).Select(Printable.Escape))}, or has it in another shape than {Printable.Escape(model.Name)}; rows can then not be taken from it. Remedy: merge models of one architecture, or leave the tokenizer section out.");
            return null;
        }

        RowPlan plan = new(rows);
        int own = IndexOf(model), holes = IndexOf(Donor);
        Dictionary<string, TokenRule> rules = _request.Tokens.ToDictionary(t => t.Token, StringComparer.Ordinal);
        HashSet<long> named = [], mineNamed = [.. _vocabularies[own].Ids.Values];
        foreach ((string token, long row) in _output)
        {
            named.Add(row);
            TokenRule? rule = rules.GetValueOrDefault(token);
            if (rule is { Zero: true } && (rule.Force || RowIn(own, token) is null))
            {
                plan.SetZero(row);
            }
            else
            {
                plan.Set(row, rule?.Force != true && RowIn(own, token) is { } mine ? [(own, mine)] : Otherwise(token, rule));
            }
        }

        // Rows without a token: the model's own where it has none there either, else those of the tokenizer's model.
        for (long row = 0; row < rows; row++)
        {
            if (!named.Contains(row) && row < _rows[own] && !mineNamed.Contains(row))
            {
                plan.Set(row, (own, row));
            }
            else if (!named.Contains(row) && row < RowsOf(Donor))
            {
                plan.Set(row, (holes, row));
            }
        }

        bool asIs = rows == RowsOf(model) && plan.RunFrom(0) == rows && plan.Of(0) is [(int first, 0)] && first == own;
        return asIs ? model : new RemappedRows(model, plan, _models, tables);
    }

    /// <summary>
    /// Names ids that no table could have rows for. Tokens may lie beyond the rows, where programs add tokens without growing the tables, but no further than there are tokens: the output would have
    /// a row for each id up to the highest.
    /// </summary>
    private bool HasImpossibleIds()
    {
        bool found = false;
        for (int m = 0; m < _models.Count; m++)
        {
            long end = _rows[m] + _vocabularies[m].Ids.Count;
            string name = Printable.Escape(_models[m].Name);
            if (_vocabularies[m].Ids.Count == 0)
            {
                _problems.Add(_request.Place, $"the tokenizer of {name} has no tokens. Remedy: fetch it again, or leave the tokenizer section out.");
                found = true;
            }
            else if (_vocabularies[m].Ids.Append(new(_vocabularies[m].Disagreement?.Token ?? "", _vocabularies[m].Disagreement?.Stated ?? 0)).FirstOrDefault(t => t.Value >= end) is { Key: { } token } impossible)
            {
                _problems.Add(_request.Place, $"the tokenizer of {name} gives token {Printable.Escape(token)} the id {impossible.Value}, but there are {_rows[m]} rows and {_vocabularies[m].Ids.Count} tokens; ids below {end} are expected. "
                    + "Remedy: fetch the tokenizer of this model again.");
                found = true;
            }
        }

        return found;
    }

    private TokenizerVocabulary VocabularyOf(ICheckpoint model) => _vocabularies[IndexOf(model)];

    private int IndexOf(ICheckpoint model)
    {
        for (int i = 0; i < _models.Count; i++)
        {
            if (_models[i] == model)
            {
                return i;
            }
        }

        throw new InvalidOperationException($"{model.Name} is none of the models.");
    }

    /// <summary>Whether a model has rows for a table, or, where it has no head of its own, an embedding like it.</summary>
    private bool CanGive(ICheckpoint model, TensorInfo table) => (model.Find(table.Name) ?? _tables[IndexOf(model)].Select(model.Find).FirstOrDefault(t => t!.Shape.Rank == 2 && table.Shape.Rank == 2)) is { } own
        && own.DType.SupportsArithmetic() && table.DType.SupportsArithmetic() && own.Shape.Rank == table.Shape.Rank && TokenTables.WithRows(own.Shape, 1) == TokenTables.WithRows(table.Shape, 1);

    /// <summary>The row of a token where the model lacks it, or where the recipe says.</summary>
    private (int, long)[] Otherwise(string token, TokenRule? rule)
    {
        if (rule?.Model is not null)
        {
            int from = IndexOf(_open(rule.Model));
            long? row = rule.OtherId ?? RowIn(from, rule.OtherToken ?? token);
            if (row is null || row >= RowsOf(_models[from]))
            {
                _problems.Add(rule.Place, $"{Printable.Escape(_models[from].Name)} has no row for {Printable.Escape(rule.OtherToken ?? (rule.OtherId is { } id ? $"number {id}" : token))}.");
                return [];
            }

            return [(from, row.Value)];
        }

        if (_base is not null && RowIn(IndexOf(_base), token) is { } inBase)
        {
            return [(IndexOf(_base), inBase)];
        }

        return [.. Enumerable.Range(0, _models.Count).Select(m => (m, Row: RowIn(m, token))).Where(r => r.Row is not null).Select(r => (r.m, r.Row!.Value))];
    }

    private long? RowIn(int model, string token) => _vocabularies[model].Ids.TryGetValue(token, out long row) && row >= 0 && row < _rows[model] ? row : null;

    private long RowsOf(ICheckpoint model) => _rows[IndexOf(model)];

    /// <summary>Tokens of the other models that the donor lacks, in the order of models and of their ids, and those that only the recipe names.</summary>
    private void AddMissing()
    {
        long next = _output.Values.DefaultIfEmpty(-1).Max() + 1;
        List<NewToken> added = [];
        for (int m = 0; m < _models.Count && _request.Source == "union"; m++)
        {
            foreach ((string token, _) in _vocabularies[m].Ids.Where(t => !_output.ContainsKey(t.Key)).OrderBy(t => t.Value).ToList())
            {
                added.Add(new NewToken(token, next, _models[m]));
                _output.Add(token, next++);
            }
        }

        foreach (string token in _request.Tokens.Select(t => t.Token).Where(t => !_output.ContainsKey(t)))
        {
            added.Add(new NewToken(token, next, Array.FindIndex(_vocabularies, v => v.Ids.ContainsKey(token)) is >= 0 and int giver ? _models[giver] : null));
            _output.Add(token, next++);
        }

        if (added.Count > 0 && TokenizerFiles.Write(Donor, VocabularyOf(Donor), added, Files) is { } problem)
        {
            _problems.Add(_request.Place, $"{added.Count} tokens, such as {Printable.Escape(added[0].Token)}, cannot be added to the tokenizer of {Printable.Escape(Donor.Name)}: {problem}");
        }
    }
}
