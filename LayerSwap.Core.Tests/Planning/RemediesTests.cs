using LayerSwap.Tests.Cli;

namespace LayerSwap.Tests.Planning;

/// <summary>Tries what errors recommend: in code, in recipes, and on the command line. A remedy that does not help is worse than
/// none.</summary>
public sealed class RemediesTests : IDisposable
{
    private static readonly LayerSwapOptions OfFour = new() { Bottom = 1, Top = 1, TransitionBottom = 1, TransitionTop = 1 };

    private readonly TempFolder _temp = new(inMemory: true);

    public void Dispose() => _temp.Dispose();

    /// <summary>The problem, part of its remedy, and the recommended merge.</summary>
    public static TheoryData<string, string> InCode => new()
    {
        { "dtypes differ", "As in code" },
        { "dtypes that cannot be converted differ", "Swap in code" },
        { "shapes differ", "Swap in code" },
        { "rows of tokens differ: truncate", "Vocabulary in code" },
        { "rows of tokens differ: pad", "Vocabulary in code" },
        { "rows of tokens differ: from one input", "Swap in code" },
        { "a tensor is missing", "Swap in code" },
        { "no base for changes", "as the base" },
        { "too many layers", "smaller numbers" },
        { "too many layers: preset", "paper-scaled" },
        { "no base for a policy: base", "give a base" },
        { "no base for a policy: policy", "another policy" },
        { "no base for weights: base", "give a base" },
        { "no base for weights: pair", "a pair of weights" },
        { "weights that sum to zero: weights", "change the weights" },
        { "weights that sum to zero: sum", "do not normalise" },
        { "weights that sum to zero on the sphere", "change the weights" },
        { "directions that cancel", "merge by linear" },
        { "two models passed through: one", "one model" },
        { "two models passed through: method", "merges several" },
        { "values for other sources: one", "one value" },
        { "values for other sources: each", "one a source" },
        { "names that differ by a prefix", "Checkpoint.Renamed in code" },
        { "prefixes that collide", "other prefixes" },
        { "packed experts", "WithExpertsApart in code" },
        { "a stack that there is not", "choose one of" },
        { "whole numbers that differ", "Swap in code" },
        { "quantised: whole layers", "take whole layers" },
        { "quantised: apart", "all tensors of a module" },
        { "non-finite inputs", "without refusing" },
        { "overflow: dtype", "wider range" },
        { "overflow: allowed", "without refusing" },
        { "other models of shares", "same two models in the same order" },
    };

    [Theory]
    [MemberData(nameof(InCode))]
    public async Task A_remedy_in_code_helps(string what, string words)
    {
        (Func<MergeBuilder> wrong, Func<MergeBuilder> right, bool refuse) = Case(what);
        SaveOptions strict = new() { RefuseNonFinite = refuse, Durable = false };
        Exception error = await Assert.ThrowsAnyAsync<Exception>(() => wrong().SaveAsync(_temp["wrong"], strict));
        Assert.True(error is LayerSwapException or ArgumentException, error.ToString());
        Assert.Contains("Remedy: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(words, error.Message[error.Message.IndexOf("Remedy: ", StringComparison.Ordinal)..], StringComparison.Ordinal);
        // Saved, not only planned.
        await right()
            .SaveAsync(_temp["right"],
                strict with { RefuseNonFinite = refuse && !words.Contains("without refusing", StringComparison.Ordinal) });
    }

    /// <summary>The rejected recipe, part of the remedy, and the recommended recipe.</summary>
    public static TheoryData<string, string, string> InRecipes => new()
    {
        { "merge_method: linear\nmodels: [a, wide]\nparameters: {weight: 1}\n", "dtype in a recipe",
            "merge_method: linear\nmodels: [a, wide]\nparameters: {weight: 1}\ndtype: float32\n" },
        { "merge_method: linear\nmodels: [a, long]\nparameters: {weight: 1}\n", "vocabulary in a recipe",
            "merge_method: linear\nmodels: [a, long]\nparameters: {weight: 1}\nvocabulary: truncate\n" },
        { "merge_method: linear\nmodels: [a, prefixed]\nparameters: {weight: 1}\n", "map in a recipe",
            "merge_method: linear\nmodels: [a, prefixed]\nparameters: {weight: 1}\nmap: ['module.=']\n" },
        { "merge_method: linear\nmodels: [more, a]\nparameters: {weight: 1}\n", "rules in a recipe",
            "merge_method: linear\nmodels: [more, a]\nparameters: {weight: 1}\nrules: [{filter: extra, source: more}]\n" },
        { "merge_method: task_arithmetic\nmodels: [a, b]\nparameters: {weight: 1}\n", "base_model",
            "merge_method: task_arithmetic\nmodels: [a, b]\nparameters: {weight: 1}\nbase_model: base\n" },
        { "merge_method: layer_swap\nmodels: [a, b]\nparameters: {bottom: 3, top: 2}\n", "smaller numbers",
            "merge_method: layer_swap\nmodels: [a, b]\nparameters: {bottom: 1, top: 1}\n" },
        { "merge_method: layer_swap\nmodels: [a, b]\nparameters: {bottom: 1, top: 1, norm: base}\n", "base_model in a recipe",
            "merge_method: layer_swap\nmodels: [a, b]\nbase_model: base\nparameters: {bottom: 1, top: 1, norm: base}\n" },
        { "merge_method: linear\nmodels: [a, c]\nparameters: {weight: 1}\n", "relative to the recipe",
            "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\n" },
        { "name: one\nmerge_method: linear\nmodels: [a, two]\nparameters: {weight: 1}\n---\nname: two\nmerge_method: linear\nmodels: [one, "
            + "b]\nparameters: {weight: 1}\n---\nmerge_method: linear\nmodels: [one, two]\nparameters: {weight: 1}\n", "use other models",
            "name: one\nmerge_method: linear\nmodels: [a, two]\nparameters: {weight: 1}\n---\nname: two\nmerge_method: linear\nmodels: "
                + "[a, b]\nparameters: {weight: 1}\n---\nmerge_method: linear\nmodels: [one, two]\nparameters: {weight: 1}\n" },
        { "merge_method: slerp\nmodels: [{model: a, parameters: {t: 0.3}}, b]\nbase_model: a\n",
            "parameters of the recipe", "merge_method: slerp\nmodels: [a, b]\nbase_model: a\nparameters: {t: 0.3}\n" },
        { "merge_method: linear\nmodels: [a, b]\nweight: 1\n", "parameters: {weight: ...}",
            "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\n" },
        { "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\nrules: [{kind: norm, source: a, merge_method: linear}]\n",
            "remove one", "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\nrules: [{kind: norm, source: a}]\n" },
        { "merge_method: nearswap\nbase_model: base\nmodels: [a]\nparameters: {t: [{filter: mlp, value: 1}]}\n", "without a filter",
            "merge_method: nearswap\nbase_model: base\nmodels: [a]\nparameters: {t: [{filter: mlp, value: 1}, {value: 2}]}\n" },
        { "merge_method: linear\nmodules: {modle: {models: [a, b]}}\nparameters: {weight: 1}\n", "beginning of tensors' names",
            "merge_method: linear\nmodules: {model: {models: [a, b]}, default: {models: [a]}}\nparameters: {weight: 1}\n" },
        { "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\ntokenizer: {source: union}\n",
            "leave the tokenizer section out", "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\n" },
        { "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\nstack: encoder.layers\n", "choose one of model.layers",
            "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\nstack: model.layers\n" },
    };

    [Theory]
    [MemberData(nameof(InRecipes))]
    public void A_remedy_in_a_recipe_helps(string wrong, string words, string right)
    {
        SaveModels();
        LayerSwapException error = Assert.ThrowsAny<LayerSwapException>(() => Plan(wrong));
        Assert.True(error.Message.Contains(words, StringComparison.Ordinal), error.Message);
        Plan(right);
    }

    private void Plan(string yaml)
    {
        using Recipe recipe = Recipe.Parse(yaml, _temp.Path);
        recipe.ToMerge().Plan();
    }

    /// <summary>The rejected command, part of the remedy, and the recommended arguments.</summary>
    public static TheoryData<string, string, string> OnTheCommandLine => new()
    {
        { "merge --method linear --model a --model wide", "--dtype", "merge --method linear --model a --model wide --dtype f32" },
        { "merge --method linear --model a --model long", "--vocabulary", "merge --method linear --model a --model long --vocabulary pad" },
        { "merge --method linear --model a --model prefixed", "--map 'module.='",
            "merge --method linear --model a --model prefixed --map module.=" },
        { "merge --method linear --model more --model a", "--rule 'NAME=take:MODEL'",
            "merge --method linear --model more --model a --rule extra=take:more" },
        { "swap --task more --language a --bottom 1 --top 1", "--rule 'NAME=take:MODEL'",
            "swap --task more --language a --bottom 1 --top 1 --rule extra=take:task" },
        { "swap --task a --language b --bottom 3 --top 2", "paper-scaled", "swap --task a --language b --preset paper-scaled" },
        { "swap --task a --language b --bottom 1 --top 1 --norm base", "--base DIR",
            "swap --task a --language b --bottom 1 --top 1 --norm base --base base" },
        { "swap --task a --language b --bottom 1 --top 1 --weights proportional", "--base DIR",
            "swap --task a --language b --bottom 1 --top 1 --weights proportional --base base" },
        { "swap --task a --language b --bottom 1 --top 1 --suggest", "--base DIR",
            "swap --task a --language b --bottom 1 --top 1 --base base" },
        { "merge --method ties --model a --model b", "--base DIR", "merge --method ties --model a --model b --base base" },
        { "merge --method linear --model a --model half", "--allow layers",
            "merge --method linear --model half --model half --allow layers" },
        { "merge --method linear --model a --model other", "--allow model_type",
            "merge --method linear --model a --model other --allow model_type" },
        { "merge --method linear --model a --model index", "--allow index", "merge --method linear --model a --model index --allow index" },
        { "merge --method linear --model a --model b --stack encoder.layers", "choose one of model.layers",
            "merge --method linear --model a --model b --stack model.layers" },
        { "merge --method linear --model a --model b -o a", "choose another path", "merge --method linear --model a --model b -o new" },
        { "merge --method linear --model a --model b -o old", "--overwrite",
            "merge --method linear --model a --model b -o old --overwrite" },
    };

    [Theory]
    [MemberData(nameof(OnTheCommandLine))]
    public void A_remedy_on_the_command_line_helps(string wrong, string words, string right)
    {
        SaveModels();
        string[] Typed(string line) =>
            [.. line.Split(' '), .. line.Contains(" -o ", StringComparison.Ordinal) ? Array.Empty<string>() : ["-o", "out"]];
        ToolRun refused = Tool.Run(Typed(wrong), _temp.Path);
        Assert.True(refused.Exit is 2 or 3 && refused.Error.Contains(words, StringComparison.Ordinal), refused.ToString());
        ToolRun done = Tool.Run(Typed(right), _temp.Path);
        Assert.True(done.Exit == 0, done.ToString());
    }

    private static (Func<MergeBuilder> Wrong, Func<MergeBuilder> Right, bool Refuse) Case(string what)
    {
        ICheckpoint a = Model("a"), b = Model("b"), baseModel = Model("base");
        string[] parts = what.Split(": ");
        MergeBuilder Soup(params ICheckpoint[] models) => Merge.Soup(models);
        switch (parts[0])
        {
            case "dtypes differ":
                return (() => Soup(a, Model("wide", DType.Float32)), () => Soup(a, Model("wide", DType.Float32)).As(DType.Float32), false);
            case "dtypes that cannot be converted differ":
                ICheckpoint whole = With(Model("whole"), new TensorInfo("extra", DType.Int64, new TensorShape(2))),
                    part = With(Model("part"), new TensorInfo("extra", DType.Float32, new TensorShape(2)));
                return (() => Soup(whole, part).As(DType.Float32),
                    () => Soup(whole, part).As(DType.Float32, force: true).Swap(Layers.Named("extra"), whole), false);
            case "shapes differ":
                ICheckpoint two = With(Model("two"), new TensorInfo("extra", DType.BFloat16, new TensorShape(2))),
                    three = With(Model("three"), new TensorInfo("extra", DType.BFloat16, new TensorShape(3)));
                return (() => Soup(two, three), () => Soup(two, three).Swap(Layers.Named("extra"), two), false);
            case "rows of tokens differ":
                ICheckpoint more = Model("more", rows: 10);
                return (() => Soup(a, more), () => parts[1] switch
                {
                    "truncate" => Soup(a, more).Vocabulary(VocabularyPolicy.Truncate),
                    "pad" => Soup(a, more).Vocabulary(VocabularyPolicy.Pad),
                    _ => Soup(a, more).Swap(Layers.Embeddings | Layers.Head, more),
                }, false);
            case "a tensor is missing":
                ICheckpoint extra = With(Model("extra"), new TensorInfo("extra", DType.BFloat16, new TensorShape(2)));
                return (() => Soup(extra, b), () => Soup(extra, b).Swap(Layers.Named("extra"), extra), false);
            case "no base for changes":
                return (() => Merge.WithoutBase().With(a).With(b).Using(MergeStrategies.TaskArithmetic()),
                    () => Merge.Onto(baseModel).With(a).With(b).Using(MergeStrategies.TaskArithmetic()), false);
            case "too many layers":
                return (() => Merge.LayerSwap(a, b, bottom: 5),
                    () => Merge.LayerSwap(a, b, parts.Length > 1 ? LayerSwapOptions.Preset("paper-scaled", 4) : OfFour), false);
            case "no base for a policy":
                LayerSwapOptions fromBase = OfFour with { Norm = OutsidePolicy.Base };
                return (() => Merge.LayerSwap(a, b, fromBase),
                    () => parts[1] == "base"
                        ? Merge.LayerSwap(a, b, fromBase, baseModel)
                        : Merge.LayerSwap(a, b, OfFour with { Norm = OutsidePolicy.Task }), false);
            case "no base for weights":
                LayerSwapOptions byChange = OfFour with { Weights = TransitionWeights.Proportional };
                return (() => Merge.LayerSwap(a, b, byChange),
                    () => parts[1] == "base"
                        ? Merge.LayerSwap(a, b, byChange, baseModel)
                        : Merge.LayerSwap(a, b, OfFour with { Weights = TransitionWeights.Of(0.7, 0.3) }), false);
            case "weights that sum to zero":
                return (() => Merge.WithoutBase().With(a, 1).With(b, -1).Using(MergeStrategies.Linear()),
                    () => parts[1] == "weights" ? Soup(a, b)
                    : Merge.WithoutBase().With(a, 1).With(b, -1).Using(MergeStrategies.Linear(new() { Normalize = false })), false);
            case "weights that sum to zero on the sphere":
                return (() => Merge.WithoutBase().With(a, 1).With(b, -1).Using(MergeStrategies.MultiSlerp()),
                    () => Merge.WithoutBase().With(a, 1).With(b, 2).Using(MergeStrategies.MultiSlerp()), false);
            case "directions that cancel":
                ICheckpoint[] round = [.. ((double[][])[[1, 0], [-0.5, 0.8660254037844386], [-0.5, -0.8660254037844386]])
                    .Select((v, i) => SmallModels.Of($"m{i}", DType.Float64, ("w", [2], v)))];
                MergeBuilder Of(IMergeStrategy strategy) => round.Aggregate(Merge.WithoutBase(), (m, c) => m.With(c)).Using(strategy);
                return (() => Of(MergeStrategies.MultiSlerp()), () => Of(MergeStrategies.Linear()), false);
            case "two models passed through":
                return (() => Soup(a, b).Using(MergeStrategies.Passthrough()),
                    () => parts[1] == "one" ? Soup(a).Using(MergeStrategies.Passthrough()) : Soup(a, b), false);
            case "values for other sources":
                MergeBuilder Ties(PerSource density) =>
                    Merge.Onto(baseModel).With(a).With(b).Using(MergeStrategies.Ties(new TiesOptions { Density = density }));
                return (() => Ties(PerSource.Of(0.1, 0.2, 0.3)),
                    () => Ties(parts[1] == "one" ? PerSource.Of(0.2) : PerSource.Of(0.1, 0.2)), false);
            case "names that differ by a prefix":
                ICheckpoint prefixed = Prefixed(b);
                return (() => Soup(a, prefixed), () => Soup(a, prefixed.Renamed(new NamePrefix("module.", ""))), false);
            case "prefixes that collide":
                return (() => Soup(a.Renamed(new NamePrefix("lm_head.", "x."), new NamePrefix("model.norm.", "x."))),
                    () => Soup(a.Renamed(new NamePrefix("lm_head.", "x."))), false);
            case "packed experts":
                ICheckpoint apart = Experts("apart", packed: false), packed = Experts("packed", packed: true);
                return (() => Soup(apart, packed), () => Soup(apart, packed.WithExpertsApart()), false);
            case "a stack that there is not":
                return (() => Soup(a.WithMainStack("encoder.layers")), () => Soup(a.WithMainStack("model.layers")), false);
            case "whole numbers that differ":
                ICheckpoint one = With(Model("one"), new TensorInfo("extra", DType.Int64, new TensorShape(1)), 1),
                    other = With(Model("other"), new TensorInfo("extra", DType.Int64, new TensorShape(1)), 2);
                return (() => Soup(one, other), () => Soup(one, other).Swap(Layers.Named("extra"), one), false);
            case "quantised":
                ICheckpoint q = Quantised("q"), r = Quantised("r");
                return (() => parts[1] == "apart" ? Merge.Onto(q).Swap(Layers.Named("*.weight_scale"), r) : Soup(q, r),
                    () => parts[1] == "apart" ? Merge.Onto(q).Swap(Layers.Named("*layers.0.*"), r) : Merge.Onto(q).Swap(Layers.First(1), r),
                    false);
            case "non-finite inputs":
                ICheckpoint infinite = SmallModels.Of("infinite", DType.Float32, ("w", [2], [double.PositiveInfinity, 1]));
                return (() => Soup(infinite, infinite), () => Soup(infinite, infinite), true);
            case "overflow":
                ICheckpoint large = SmallModels.Of("large", DType.Float32, ("w", [2], [1e5, 1]));
                return (() => Soup(large, large).As(DType.Float16, force: true),
                    () => Soup(large, large).As(parts[1] == "dtype" ? DType.BFloat16 : DType.Float16, force: true), true);
            case "other models of shares":
                LayerDiffReport diff = LayerDiff.From(baseModel).To(a, b).RunAsync().GetAwaiter().GetResult();
                return (() => Soup(b, a).Using(MergeStrategies.ShareSwap(diff)),
                    () => Soup(a, b).Using(MergeStrategies.ShareSwap(diff)), false);
            default:
                throw new ArgumentOutOfRangeException(nameof(what), what, "No such case.");
        }
    }

    /// <summary>Four layers; what is called otherwise than a, b and base differs from them in one thing.</summary>
    private static ICheckpoint Model(string name, DType dtype = DType.BFloat16, int rows = 8, int layers = 4)
    {
        Random random = new(name.Sum(c => c));
        double[] Some(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(-100, 100) / 64.0)];
        return SmallModels.Of(name, dtype,
            [("model.embed_tokens.weight", [rows, 4], Some(rows * 4)),
                .. Enumerable.Range(0, layers).SelectMany(l => new (string, long[], double[])[]
        {
            ($"model.layers.{l}.input_layernorm.weight", [4], Some(4)), ($"model.layers.{l}.mlp.up_proj.weight", [4, 4], Some(16)),
                ($"model.layers.{l}.self_attn.q_proj.weight", [4, 4], Some(16)),
        }), ("model.norm.weight", [4], Some(4)), ("lm_head.weight", [rows, 4], Some(rows * 4))]);
    }

    private static ICheckpoint With(ICheckpoint model, TensorInfo extra, byte value = 0) => Checkpoint.InMemory(model.Name,
        [.. model.Tensors.Select(t => (t, (ReadOnlyMemory<byte>)SmallModels.Bytes(model, t.Name))),
            (extra, Enumerable.Repeat(value, (int)extra.ByteLength).ToArray())]);

    private static ICheckpoint Prefixed(ICheckpoint model) =>
        Checkpoint.InMemory("prefixed",
            model.Tensors.Select(t => (new TensorInfo("module." + t.Name, t.DType, t.Shape),
                (ReadOnlyMemory<byte>)SmallModels.Bytes(model, t.Name))));

    private static ICheckpoint Experts(string name, bool packed) => SmallModels.Of(name, DType.BFloat16, packed
        ? [("model.layers.0.mlp.experts.gate_up_proj", [2, 4, 6], new double[48]),
            ("model.layers.0.mlp.experts.down_proj", [2, 6, 2], new double[24]), ("model.norm.weight", [6], new double[6])]
        : [.. Enumerable.Range(0, 2).SelectMany(e => new (string, long[], double[])[]
        {
            ($"model.layers.0.mlp.experts.{e}.gate_proj.weight", [2, 6], new double[12]),
                ($"model.layers.0.mlp.experts.{e}.up_proj.weight", [2, 6], new double[12]),
                ($"model.layers.0.mlp.experts.{e}.down_proj.weight", [6, 2], new double[12]),
        }), ("model.norm.weight", [6], new double[6])]);

    private static ICheckpoint Quantised(string name) =>
        Checkpoint.InMemory(name, Enumerable.Range(0, 2).SelectMany(l => new (TensorInfo, ReadOnlyMemory<byte>)[]
    {
        (new TensorInfo($"model.layers.{l}.q_proj.weight", DType.Float8E4M3, new TensorShape(2, 2)), new byte[4]),
            (new TensorInfo($"model.layers.{l}.q_proj.weight_scale", DType.Float32, new TensorShape(1)), new byte[4]),
    }));

    private void SaveModels()
    {
        void Save(ICheckpoint model, string config)
        {
            Folders.Save(model, _temp[model.Name]);
            File.WriteAllText(_temp[model.Name, "config.json"], config);
        }

        const string Config = """{"model_type": "llama", "num_hidden_layers": 4}""";
        foreach (ICheckpoint model in (ICheckpoint[])[Model("a"), Model("b"), Model("base"), Model("wide", DType.Float32),
            Model("long", rows: 10), Prefixed(Model("b")),
            With(Model("more"), new TensorInfo("extra", DType.BFloat16, new TensorShape(2)))])
        {
            Save(model, Config);
        }

        Save(Model("half", layers: 2), Config);
        Save(Model("other"), Config.Replace("llama", "mistral", StringComparison.Ordinal));
        Save(Model("old"), Config);
        Save(Model("index"), Config);
        File.Move(_temp["index", "model.safetensors"], _temp["index", "model-00001-of-00001.safetensors"]);
        File.Delete(_temp["index", "layerswap.json"]);
        File.WriteAllText(_temp["index", "model.safetensors.index.json"],
            """{"metadata": {}, "weight_map": """
            + """{"model.norm.weight": "model-00001-of-00001.safetensors", "gone.weight": "model-00001-of-00001.safetensors"}}""");
    }
}
