using System.Text.Json.Nodes;
using LayerSwap.Checkpoints;

namespace LayerSwap.Recipes;

/// <summary>
/// One vocabulary for models with different ones: the output's tokens, views of the models whose tables have a row for each of them, and the tokenizer's files. A token that a model lacks has
/// the base's row; where the base lacks it too, that of the one model that has it, or the mean of several; zeros where none has it (as mergekit does).
/// </summary>
internal sealed class TokenizerMerge
{
    private const string TokenizerFile = "tokenizer.json", VocabularyFile = "vocab.json";
    private const long Longest = 200_000_000;

    private readonly TokenizerRequest _request;
    private readonly IReadOnlyList<ICheckpoint> _models;
    private readonly Dictionary<string, long>[] _vocabularies;
    private readonly string[][] _tables;
    private readonly long[] _rows;
    private readonly ICheckpoint? _base;
    private readonly Func<ModelReference, ICheckpoint> _open;
    private readonly YamlReader _problems;
    private readonly Dictionary<string, long> _output;
    private readonly Dictionary<(ICheckpoint, string), JsonObject> _read = [];

    private TokenizerMerge(TokenizerRequest request, IReadOnlyList<ICheckpoint> models, Dictionary<string, long>[] vocabularies, ICheckpoint? origin, ICheckpoint donor, Func<ModelReference, ICheckpoint> open, YamlReader problems)
    {
        _request = request;
        _models = models;
        _vocabularies = vocabularies;
        _base = origin;
        _open = open;
        _problems = problems;
        Donor = donor;
        _tables = [.. models.Select(TablesOf)];
        _rows = [.. models.Zip(_tables, (m, t) => t.Length == 0 ? 0 : m.Find(t[0])!.Shape[0])];
        _output = new Dictionary<string, long>(VocabularyOf(donor), StringComparer.Ordinal);
    }

    /// <summary>The model whose tokenizer files are copied.</summary>
    public ICheckpoint Donor { get; }

    /// <summary>Files of the tokenizer that are written instead of the donor's.</summary>
    public Dictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    /// <returns>Null where there are problems.</returns>
    public static TokenizerMerge? Of(TokenizerRequest request, IReadOnlyList<ICheckpoint> models, ICheckpoint? origin, Func<ModelReference, ICheckpoint> open, YamlReader problems)
    {
        List<Dictionary<string, long>> vocabularies = [];
        foreach (ICheckpoint checkpoint in models)
        {
            if (TokenizerVocabulary.TryRead(checkpoint) is { } found)
            {
                vocabularies.Add(found);
            }
            else
            {
                problems.Add(request.Place, $"{Printable.Escape(checkpoint.Name)} has no {TokenizerFile} or {VocabularyFile} that tells its tokens. Remedy: put its tokenizer beside its weights, or leave the tokenizer section out.");
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

        if (request.Source == "union")
        {
            merge.AddMissing();
        }

        foreach (TokenRule rule in request.Tokens.Where(t => !merge._output.ContainsKey(t.Token)))
        {
            problems.Add(rule.Place, $"no token {Printable.Escape(rule.Token)} is in the output's vocabulary. Remedy: check its spelling, or take source: union.");
        }

        return merge;
    }

    /// <summary>The view of a model with a row for each token of the output.</summary>
    /// <returns>Null where there are problems.</returns>
    public ICheckpoint? ViewOf(ICheckpoint model)
    {
        long rows = (_output.Values.Max() + 1 + _request.PadTo - 1) / _request.PadTo * _request.PadTo;
        string[] tables = _tables[IndexOf(model)];
        if (tables.Length == 0)
        {
            _problems.Add(_request.Place, $"{Printable.Escape(model.Name)} has no table of token embeddings whose rows could follow a tokenizer.");
            return null;
        }

        foreach (ICheckpoint other in _models.Where(o => tables.Any(t => o.Find(t) is not { } found || found.DType != model.Find(t)!.DType)))
        {
            _problems.Add(_request.Place, $"{Printable.Escape(other.Name)} lacks {string.Join(" or ", tables.Select(Printable.Escape))}, or has it in another dtype than {Printable.Escape(model.Name)}; rows can then not be taken from it.");
            return null;
        }

        RowPlan plan = new(rows);
        int own = IndexOf(model), holes = IndexOf(Donor);
        Dictionary<string, TokenRule> rules = _request.Tokens.ToDictionary(t => t.Token, StringComparer.Ordinal);
        HashSet<long> named = [];
        foreach ((string token, long row) in _output)
        {
            named.Add(row);
            TokenRule? rule = rules.GetValueOrDefault(token);
            plan.Set(row, rule?.Force != true && RowIn(own, token) is { } mine ? [(own, mine)] : Otherwise(token, rule));
        }

        // Numbers that no token has: the rows beside the tokenizer's own.
        for (long row = 0; row < rows; row++)
        {
            if (!named.Contains(row) && row < RowsOf(Donor))
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
            long end = _rows[m] + _vocabularies[m].Count;
            string name = Printable.Escape(_models[m].Name);
            if (_vocabularies[m].Count == 0)
            {
                _problems.Add(_request.Place, $"the tokenizer of {name} has no tokens. Remedy: fetch it again, or leave the tokenizer section out.");
                found = true;
            }
            else if (_vocabularies[m].FirstOrDefault(t => t.Value >= end) is { Key: { } token } impossible)
            {
                _problems.Add(_request.Place, $"the tokenizer of {name} gives token {Printable.Escape(token)} the id {impossible.Value}, but there are {_rows[m]} rows and {_vocabularies[m].Count} tokens; ids below {end} are expected. "
                    + "Remedy: fetch the tokenizer of this model again.");
                found = true;
            }
        }

        return found;
    }

    private Dictionary<string, long> VocabularyOf(ICheckpoint model) => _vocabularies[IndexOf(model)];

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

    /// <summary>The row of a token where the model lacks it, or where the recipe says.</summary>
    private (int, long)[] Otherwise(string token, TokenRule? rule)
    {
        if (rule is { Zero: true })
        {
            return [];
        }

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

    private long? RowIn(int model, string token) => _vocabularies[model].TryGetValue(token, out long row) && row >= 0 && row < _rows[model] ? row : null;

    private long RowsOf(ICheckpoint model) => _rows[IndexOf(model)];

    /// <summary>The token embedding, which is the longest, and the head of as many rows.</summary>
    private static string[] TablesOf(ICheckpoint model)
    {
        LayerMap map = LayerMap.Of(model);
        TensorInfo[] tables = [.. model.Tensors.Where(t => t.Shape.Rank == 2 && map[t.Name].IsTokenTable)];
        long rows = tables.Where(t => map[t.Name].Kind == TensorKind.Embedding).Select(t => t.Shape[0]).DefaultIfEmpty(0).Max();
        return [.. tables.Where(t => t.Shape[0] == rows).Select(t => t.Name)];
    }

    /// <summary>Tokens of the other models that the donor lacks, in the order of models and of their numbers.</summary>
    private void AddMissing()
    {
        long next = _output.Values.DefaultIfEmpty(-1).Max() + 1;
        List<(string Token, int Model)> added = [];
        for (int m = 0; m < _models.Count; m++)
        {
            foreach ((string token, _) in _vocabularies[m].Where(t => !_output.ContainsKey(t.Key)).OrderBy(t => t.Value).ToList())
            {
                _output.Add(token, next++);
                added.Add((token, m));
            }
        }

        if (added.Count > 0)
        {
            WriteTokenizer(added);
        }
    }

    /// <summary>The donor's file with the new tokens at their end: added tokens as they stand in their own file, others as entries of the vocabulary.</summary>
    private void WriteTokenizer(List<(string Token, int Model)> added)
    {
        bool whole = Companions.Has(Donor, TokenizerFile);
        string name = whole ? TokenizerFile : VocabularyFile;
        JsonObject root = Read(Donor, name);
        JsonNode? vocabulary = whole ? root["model"]?["vocab"] : root;
        foreach ((string token, int model) in added)
        {
            JsonObject? source = whole && Companions.Has(_models[model], TokenizerFile) ? Read(_models[model], TokenizerFile) : null;
            if ((source?["added_tokens"] as JsonArray)?.FirstOrDefault(t => t?["content"]?.GetValue<string>() == token) is { } entry)
            {
                JsonNode copy = entry.DeepClone();
                copy["id"] = _output[token];
                ((root["added_tokens"] ??= new JsonArray()) as JsonArray)!.Add(copy);
            }
            else if (vocabulary is JsonObject numbers)
            {
                numbers[token] = _output[token];
            }
            else if (vocabulary is JsonArray scores && scores.Count == _output[token] && source?["model"]?["vocab"] is JsonArray others)
            {
                scores.Add(others.First(p => p?[0]?.GetValue<string>() == token)!.DeepClone());
            }
            else
            {
                _problems.Add(_request.Place, $"token {Printable.Escape(token)} of {Printable.Escape(_models[model].Name)} cannot be added to {name} of {Printable.Escape(Donor.Name)}: its vocabulary is of another kind, or its numbers do not follow. Remedy: choose one model's tokenizer as source.");
                return;
            }
        }

        Files[name] = PythonJson.Write(root);
    }

    private JsonObject Read(ICheckpoint model, string name)
    {
        if (!_read.TryGetValue((model, name), out JsonObject? root))
        {
            root = PythonJson.Parse(Companions.TryRead(model, name, Longest)!) as JsonObject ?? [];
            _read.Add((model, name), root);
        }

        return root;
    }
}
