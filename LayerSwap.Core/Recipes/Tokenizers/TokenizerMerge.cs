using LayerSwap.Checkpoints;

namespace LayerSwap.Recipes;

/// <summary>
/// Merges the vocabularies of models: the output's tokens, views of the models with a row for each token, and the tokenizer's files.
/// A missing token gets the base's row, else the mean of the rows of all models that have it, else the mean of all the model's rows.
/// Rows that no model has get this last mean too.
/// </summary>
internal sealed class TokenizerMerge
{
    private const string LeaveOut = "leave the tokenizer section out";

    private readonly TokenizerRequest _request;
    private readonly IReadOnlyList<ICheckpoint> _models;
    private readonly TokenizerVocabulary[] _vocabularies;
    private readonly string[][] _tables;
    private readonly long[] _rows;
    private readonly ICheckpoint? _base;
    private readonly Func<ModelReference, ICheckpoint> _open;
    private readonly YamlReader _problems;
    private readonly Dictionary<string, long> _output;

    private TokenizerMerge(
        TokenizerRequest request,
        IReadOnlyList<ICheckpoint> models,
        TokenizerVocabulary[] vocabularies,
        ICheckpoint? @base,
        ICheckpoint tokenizerSource,
        Func<ModelReference, ICheckpoint> open,
        YamlReader problems)
    {
        _request = request;
        _models = models;
        _vocabularies = vocabularies;
        _base = @base;
        _open = open;
        _problems = problems;
        TokenizerSource = tokenizerSource;
        IReadOnlyList<TensorInfo>[] tables = [.. models.Select(TokenTables.Find)];
        _tables = [.. tables.Select(t => t.Select(x => x.Name).ToArray())];
        _rows = [.. tables.Select(t => t.Count == 0 ? 0 : TokenTables.CountRows(t[0].Shape))];
        _output = new Dictionary<string, long>(VocabularyOf(tokenizerSource).Ids, StringComparer.Ordinal);
    }

    /// <summary>The model that the tokenizer's files are copied from.</summary>
    public ICheckpoint TokenizerSource { get; }

    /// <summary>Files of the tokenizer that replace copied ones, by name; null for one that must not be copied.</summary>
    public Dictionary<string, byte[]?> Files { get; } = new(StringComparer.Ordinal);

    /// <returns>Null if there are problems.</returns>
    public static TokenizerMerge? Create(
        TokenizerRequest request,
        IReadOnlyList<ICheckpoint> models,
        ICheckpoint? @base,
        Func<ModelReference, ICheckpoint> open,
        YamlReader problems)
    {
        List<TokenizerVocabulary> vocabularies = [];
        foreach (ICheckpoint model in models)
        {
            if (TokenizerVocabulary.TryRead(model) is { IsComplete: true } found)
            {
                vocabularies.Add(found);
            }
            else
            {
                problems.Add(request.Position, DescribeMissing(model));
            }
        }

        if (vocabularies.Count < models.Count)
        {
            return null;
        }

        ICheckpoint tokenizerSource = request.Model is { } reference ? open(reference) : @base ?? models[0];
        TokenizerMerge merge = new(request, models, [.. vocabularies], @base, tokenizerSource, open, problems);
        if (merge.HasImpossibleIds())
        {
            return null;
        }

        merge.AddMissing();
        return merge;
    }

    private static string DescribeMissing(ICheckpoint model)
    {
        string name = Printable.Escape(model.Name);
        return AuxiliaryFiles.Has(model, TokenizerVocabulary.PiecesFile)
            ? $"{name} has {TokenizerVocabulary.PiecesFile} alone (SentencePiece), which is not read. "
                + $"Remedy: make a {TokenizerVocabulary.TokenizerFile} of it "
                + $"(AutoTokenizer.from_pretrained and save_pretrained in transformers), or {LeaveOut}."
            : $"{name} has no {TokenizerVocabulary.TokenizerFile}, {TokenizerVocabulary.VocabularyFile} or "
                + $"{TokenizerVocabulary.LinesFile} with its tokens. "
                + $"Remedy: put its tokenizer into the folder of its weights, or {LeaveOut}.";
    }

    /// <summary>Makes the view of a model with a row for each token of the output.</summary>
    /// <returns>Null if there are problems.</returns>
    public ICheckpoint? CreateView(ICheckpoint model)
    {
        int index = IndexOf(model);
        string[] tables = _tables[index];
        if (!CanRemap(model, tables))
        {
            return null;
        }

        // Never fewer rows than the tokenizer source has: a table may have rows without a token.
        long needed = Math.Max(_output.Values.Max() + 1, RowsOf(TokenizerSource));
        long rows = (needed + _request.PadTo - 1) / _request.PadTo * _request.PadTo;
        RowPlan plan = new(rows);
        HashSet<long> planned = PlanTokens(plan, index);
        PlanRowsWithoutTokens(plan, index, planned);

        bool isUnchanged = rows == RowsOf(model)
            && plan.CountRun(0) == rows
            && plan.SourcesOf(0) is [(int first, 0)]
            && first == index;
        return isUnchanged ? model : new RemappedRows(model, plan, _models, tables);
    }

    private bool CanRemap(ICheckpoint model, string[] tables)
    {
        string name = Printable.Escape(model.Name);
        if (tables.Length == 0)
        {
            _problems.Add(_request.Position, $"{name} has no table of token embeddings whose rows could follow a tokenizer.");
            return false;
        }

        foreach (ICheckpoint other in _models)
        {
            string[] lacking = [.. tables.Where(t => !CanGive(other, model.Find(t)!)).Select(Printable.Escape)];
            if (lacking.Length > 0)
            {
                _problems.Add(_request.Position, $"{Printable.Escape(other.Name)} lacks {string.Join(" or ", lacking)}, "
                    + $"or has it in another shape than {name}; rows can then not be taken from it. "
                    + $"Remedy: merge models of one architecture, or {LeaveOut}.");
                return false;
            }
        }

        return true;
    }

    /// <summary>Plans the rows of all tokens.</summary>
    /// <returns>The planned rows.</returns>
    private HashSet<long> PlanTokens(RowPlan plan, int model)
    {
        Dictionary<string, TokenRule> rules = _request.Tokens.ToDictionary(t => t.Token, StringComparer.Ordinal);
        HashSet<long> planned = [];
        foreach ((string token, long row) in _output)
        {
            planned.Add(row);
            TokenRule? rule = rules.GetValueOrDefault(token);
            long? ownRow = RowIn(model, token);
            bool followsRule = rule?.Force == true || ownRow is null;
            if (followsRule && rule is { Zero: true })
            {
                plan.SetZero(row);
            }
            else
            {
                plan.Set(row, followsRule ? OtherSources(token, rule) : [(model, ownRow!.Value)]);
            }
        }

        return planned;
    }

    /// <summary>Plans rows without a token: the model's own row if it has no token there either, else the tokenizer source's.</summary>
    private void PlanRowsWithoutTokens(RowPlan plan, int model, HashSet<long> planned)
    {
        int source = IndexOf(TokenizerSource);
        HashSet<long> ownTokens = [.. _vocabularies[model].Ids.Values];
        for (long row = 0; row < plan.Rows; row++)
        {
            if (planned.Contains(row))
            {
                continue;
            }

            if (row < _rows[model] && !ownTokens.Contains(row))
            {
                plan.Set(row, (model, row));
            }
            else if (row < _rows[source])
            {
                plan.Set(row, (source, row));
            }
        }
    }

    /// <summary>
    /// Reports ids that no table can have rows for. Ids may exceed the rows, since programs add tokens without growing the tables, but
    /// by no more than the number of tokens: the output has a row for each id up to the highest.
    /// </summary>
    private bool HasImpossibleIds()
    {
        bool found = false;
        for (int m = 0; m < _models.Count; m++)
        {
            TokenizerVocabulary vocabulary = _vocabularies[m];
            string name = Printable.Escape(_models[m].Name);
            long end = _rows[m] + vocabulary.Ids.Count;
            KeyValuePair<string, long> stated =
                vocabulary.Disagreement is var (statedToken, statedId) ? new(statedToken, statedId) : new("", 0);
            if (vocabulary.Ids.Count == 0)
            {
                _problems.Add(_request.Position, $"the tokenizer of {name} has no tokens. Remedy: fetch it again, or {LeaveOut}.");
                found = true;
            }
            else if (vocabulary.Ids.Append(stated).FirstOrDefault(t => t.Value >= end) is { Key: { } token } impossible)
            {
                _problems.Add(_request.Position,
                    $"the tokenizer of {name} gives token {Printable.Escape(token)} the id {impossible.Value}, "
                    + $"but there are {_rows[m]} rows and {vocabulary.Ids.Count} tokens; ids below {end} are expected. "
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

    /// <summary>Whether a model has rows for a table, in its own or in the embedding that a missing head is tied to.</summary>
    private bool CanGive(ICheckpoint model, TensorInfo table)
    {
        TensorInfo? source = model.Find(table.Name)
            ?? _tables[IndexOf(model)].Select(model.Find).FirstOrDefault(t => t!.Shape.Rank == 2 && table.Shape.Rank == 2);
        return source is not null
            && source.DType.SupportsArithmetic()
            && table.DType.SupportsArithmetic()
            && source.Shape.Rank == table.Shape.Rank
            && TokenTables.WithRows(source.Shape, 1) == TokenTables.WithRows(table.Shape, 1);
    }

    /// <summary>Lists the rows for a token that the model lacks, or that has a rule; the mean of several is used.</summary>
    private (int Model, long Row)[] OtherSources(string token, TokenRule? rule)
    {
        if (rule?.Model is not null)
        {
            int source = IndexOf(_open(rule.Model));
            long? row = rule.SourceId ?? RowIn(source, rule.SourceToken ?? token);
            if (row is null || row >= _rows[source])
            {
                string wanted = rule.SourceToken ?? (rule.SourceId is { } id ? $"number {id}" : token);
                _problems.Add(rule.Position, $"{Printable.Escape(_models[source].Name)} has no row for {Printable.Escape(wanted)}.");
                return [];
            }

            return [(source, row.Value)];
        }

        if (_base is not null && RowIn(IndexOf(_base), token) is { } baseRow)
        {
            return [(IndexOf(_base), baseRow)];
        }

        List<(int, long)> rows = [];
        for (int m = 0; m < _models.Count; m++)
        {
            if (RowIn(m, token) is { } row)
            {
                rows.Add((m, row));
            }
        }

        return [.. rows];
    }

    private long? RowIn(int model, string token) =>
        _vocabularies[model].Ids.TryGetValue(token, out long row) && row >= 0 && row < _rows[model] ? row : null;

    private long RowsOf(ICheckpoint model) => _rows[IndexOf(model)];

    /// <summary>Adds missing tokens: from the other models, by model and id, then from the recipe's token rules.</summary>
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
            int owner = Array.FindIndex(_vocabularies, v => v.Ids.ContainsKey(token));
            added.Add(new NewToken(token, next, owner >= 0 ? _models[owner] : null));
            _output.Add(token, next++);
        }

        if (added.Count > 0 && TokenizerFiles.Write(TokenizerSource, VocabularyOf(TokenizerSource), added, Files) is { } problem)
        {
            _problems.Add(_request.Position, $"{added.Count} tokens, such as {Printable.Escape(added[0].Token)}, "
                + $"cannot be added to the tokenizer of {Printable.Escape(TokenizerSource.Name)}: {problem}");
        }
    }
}
