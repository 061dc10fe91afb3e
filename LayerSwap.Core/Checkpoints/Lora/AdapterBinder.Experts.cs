using System.Globalization;

namespace LayerSwap.Checkpoints.Lora;

/// <summary>Factors of all experts of a layer, which transformers holds in two parameters.</summary>
internal sealed partial class AdapterBinder
{
    /// <summary>Whether a path is a module of experts, whose parameters are adapted directly.</summary>
    private bool IsExperts(string path) =>
        path.EndsWith(".experts", StringComparison.Ordinal)
        && _config.TargetParameters.Any(p => PathEndsWith(path, p[..Math.Max(0, p.LastIndexOf('.'))]));

    /// <summary>
    /// Binds the factors of all experts of a layer: A is (experts, rank, in), B is (out, rank, experts). Of two adapted parameters of one
    /// module, the inner one is gate_up_proj, which the module declares first.
    /// </summary>
    private void BindExperts(AdapterModule module, string path, bool inner, bool isNested)
    {
        string[] targets =
        [
            .. _config.TargetParameters.Where(p => PathEndsWith(path, p[..Math.Max(0, p.LastIndexOf('.'))]))
                .Select(p => p[(p.LastIndexOf('.') + 1)..]),
        ];
        string parameter = inner ? "gate_up_proj" : isNested ? "down_proj"
            : targets is [var only] ? only
            : throw _throw.Damaged($"which parameter of {Printable.Escape(path)} is adapted? target_parameters names {targets.Length}.");
        bool hasOthers = module.Weight is not null || module.Bias is not null || module.Magnitude is not null;
        if (module.A is not { } nameA || module.B is not { } nameB || hasOthers)
        {
            throw _throw.Unsupported($"the experts of {Printable.Escape(path)} have not exactly one pair of factors.");
        }

        (TensorInfo a, TensorInfo b) = (_weights.Find(nameA)!, _weights.Find(nameB)!);
        string key = $"{path}.{parameter}";
        if (FindFused(path, parameter) is { } fused)
        {
            BindFused(fused, a, b, key);
        }
        else
        {
            BindApart(path, parameter, a, b, key);
        }
    }

    private void BindFused(TensorInfo fused, TensorInfo a, TensorInfo b, string key)
    {
        int experts = (int)fused.Shape[0], rank = CheckRank(key, a, b, experts);
        long inputs = a.Shape[1], outputs = b.Shape[0];
        bool isTransposed = fused.Shape[1] == inputs && fused.Shape[2] == outputs && (inputs != outputs || _model?.ModelType == "gpt_oss");
        if (!isTransposed && !(fused.Shape[1] == outputs && fused.Shape[2] == inputs))
        {
            throw WrongShape(a, fused.Shape, fused.Name);
        }

        double scale = _config.Scale(key);
        Add(Create(fused.Name, fused.Shape, (_base, fused), fused.DType) with
        {
            Factors = new Lazy<LowRankFactors>(() =>
            {
                float[] valuesA = ReadValues(a), valuesB = ReadValues(b);
                float[][] left = [.. Enumerable.Range(0, experts).Select(e => SliceB(valuesB, e, experts, rank, 0, outputs))];
                float[][] right = [.. Enumerable.Range(0, experts).Select(e => SliceA(valuesA, e, rank, inputs))];
                return isTransposed
                    ? new LowRankFactors(
                        [.. right.SelectMany(r => Transpose(r, rank))],
                        [.. left.SelectMany(l => Transpose(l, (int)outputs))],
                        rank, inputs, outputs, scale)
                    : new LowRankFactors([.. left.SelectMany(l => l)], [.. right.SelectMany(r => r)], rank, outputs, inputs, scale);
            }),
        });
    }

    /// <summary>Binds experts that the base stores apart: gate and up are the upper and lower half of gate_up_proj's rows.</summary>
    private void BindApart(string path, string parameter, TensorInfo a, TensorInfo b, string key)
    {
        List<(string Gate, string Up, string Down)> names = [];
        for (int e = 0; FindApart(path, e) is { } expert; e++)
        {
            names.Add(expert);
        }

        if (names.Count == 0)
        {
            throw _throw.WrongBase($"the base has no experts at {Printable.Escape(path)}.", a.Name);
        }

        int experts = names.Count, rank = CheckRank(key, a, b, experts);
        long inputs = a.Shape[1], outputs = b.Shape[0];
        double scale = _config.Scale(key);
        Lazy<(float[] A, float[] B)> values = new(() => (ReadValues(a), ReadValues(b)));
        for (int e = 0; e < experts; e++)
        {
            if (parameter == "down_proj")
            {
                AddPart(e, names[e].Down, 0, outputs);
            }
            else
            {
                AddPart(e, names[e].Gate, 0, outputs / 2);
                AddPart(e, names[e].Up, outputs / 2, outputs / 2);
            }
        }

        void AddPart(int expert, string name, long firstRow, long rows)
        {
            TensorInfo weight = _base.Find(name)!;
            if (weight.Shape.Rank != 2 || weight.Shape[0] != rows || weight.Shape[1] != inputs)
            {
                throw WrongShape(a, weight.Shape, name);
            }

            Add(Create(name, weight.Shape, (_base, weight), weight.DType) with
            {
                Factors = new Lazy<LowRankFactors>(() => new LowRankFactors(
                    SliceB(values.Value.B, expert, experts, rank, firstRow, rows),
                    SliceA(values.Value.A, expert, rank, inputs),
                    rank, rows, inputs, scale)),
            });
        }
    }

    private TensorInfo? FindFused(string path, string parameter) =>
        _base.Tensors.FirstOrDefault(t => t.Shape.Rank == 3
            && t.Name.EndsWith("." + parameter, StringComparison.Ordinal)
            && SamePath(t.Name[..^(parameter.Length + 1)], path));

    private (string Gate, string Up, string Down)? FindApart(string path, int expert)
    {
        string mixtral = path.EndsWith(".mlp.experts", StringComparison.Ordinal)
            ? path[..^".mlp.experts".Length] + ".block_sparse_moe.experts"
            : path;
        foreach ((string stem, string gate, string up, string down) in ((string, string, string, string)[])
            [(mixtral, "w1", "w3", "w2"), (path, "gate_proj", "up_proj", "down_proj")])
        {
            string prefix = string.Create(CultureInfo.InvariantCulture, $"{stem}.{expert}.");
            if (FindByPath(prefix + gate) is { } g && FindByPath(prefix + up) is { } u && FindByPath(prefix + down) is { } d)
            {
                return (g.Name, u.Name, d.Name);
            }
        }

        return null;
    }

    /// <summary>The rows of one expert in A, (experts, rank, in).</summary>
    private static float[] SliceA(float[] values, int expert, int rank, long inputs) =>
        values.AsSpan((int)(expert * rank * inputs), (int)(rank * inputs)).ToArray();

    /// <summary>The columns of one expert in rows of B, (out, rank, experts): the expert is the fast index.</summary>
    private static float[] SliceB(float[] values, int expert, int experts, int rank, long firstRow, long rows)
    {
        float[] slice = new float[rows * rank];
        for (long row = 0; row < rows; row++)
        {
            for (int k = 0; k < rank; k++)
            {
                slice[(row * rank) + k] = values[((((firstRow + row) * rank) + k) * experts) + expert];
            }
        }

        return slice;
    }
}
