namespace LayerSwap.Tests.Recipes;

/// <summary>Each recipe gives the same bytes as the equivalent builder calls.</summary>
public sealed class RecipeBinderTests : IDisposable
{
    private readonly RecipeModels _models = new();

    [Fact]
    public void Values_are_looked_up_in_model_slice_recipe_and_defaults_in_this_order()
    {
        const string Recipe = """
        merge_method: ties
        base_model: base
        slices:
          - sources:
              - {model: a, layer_range: [0, 4], parameters: {weight: [{filter: q_proj, value: 0.9}], density: [{filter: mlp, value: 0.3}]}}
              - {model: b, layer_range: [0, 4]}
            parameters: {weight: [{filter: attn, value: 0.7}], density: [{filter: down_proj, value: 0.4}]}
        parameters: {weight: 0.5, normalize: false, lambda: [{filter: norm, value: 2}]}
        """;
        Schedule all = Schedule.FromDouble(0.5).Where(Layers.Named("*attn*"), 0.7);
        Schedule density = Schedule.FromDouble(1).Where(Layers.Named("*down_proj*"), 0.4);
        _models.Same(
            Recipe,
            Merge.Onto(_models.Open("base"))
                .With(_models.Open("a"), all.Where(Layers.Named("*q_proj*"), 0.9))
                .With(_models.Open("b"), all)
                .Using(MergeStrategies.Ties(new TiesOptions
                {
                    Density = PerSource.Of(density.Where(Layers.Named("*mlp*"), 0.3), density),
                    Normalize = false,
                    Lambda = Schedule.FromDouble(1).Where(Layers.Named("*norm*"), 2),
                })));
    }

    [Fact]
    public void Module_values_override_recipe_values()
    {
        _models.Same(
            "merge_method: linear\nparameters: {weight: 1}\nmodules:\n  default:\n    parameters: {weight: 3}\n"
                + "    models: [{model: a, parameters: {weight: 1}}, b]\n",
            Merge.WithoutBase().With(_models.Open("a"), 1).With(_models.Open("b"), 3).Using(MergeStrategies.Linear()));
    }

    [Fact]
    public void The_first_matching_filter_wins_and_a_star_matches_every_name()
    {
        _models.Same(
            "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 1}}\n  - model: b\n    parameters:\n      weight:\n"
                + "        - {filter: self_attn, value: 2}\n        - {filter: q_proj, value: 9}\n        - {filter: \"*\", value: 3}\n"
                + "        - {filter: mlp, value: 7}\n",
            Merge.WithoutBase().With(_models.Open("a"), 1).With(
                _models.Open("b"), Schedule.FromDouble(3).Where(Layers.Named("*self_attn*"), 2)).Using(MergeStrategies.Linear()));
    }

    [Fact]
    public void The_error_for_a_missing_value_names_parameter_and_tensor()
    {
        MergeException e = Assert.Throws<MergeException>(
            () =>
                _models.Bind(
                    "merge_method: nearswap\nbase_model: base\nmodels: [a]\nparameters: {t: [{filter: mlp, value: 0.1}]}\n").Plan());
        Assert.Contains("t has no value for lm_head.weight: no filter matches it.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_covers_the_layers_and_other_tensors_have_its_first_value()
    {
        using RecipeModels forty = new(layers: 40, dtype: DType.Float64);
        using ICheckpoint merged =
            forty.Result("merge_method: passthrough\nmodels: [{model: a, parameters: {scale: [0, 0.5, 0.3, 0.7, 1]}}]\n");
        ICheckpoint a = forty.Open("a");
        double Ratio(string name) => SmallModels.Values(merged, name)[0] / SmallModels.Values(a, name)[0];
        string Layer(int layer) => $"model.layers.{layer}.self_attn.q_proj.weight";
        (int Layer, double Value)[] figures = [(0, 0), (5, 0.2564), (10, 0.4949), (15, 0.3923), (35, 0.8769), (39, 1)];
        foreach ((int layer, double value) in figures)
        {
            Assert.Equal(value, Ratio(Layer(layer)), 4);
        }

        Assert.All(
            (string[])["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"],
            n => Assert.Equal(0, SmallModels.Values(merged, n).Max(Math.Abs)));
    }

    [Fact]
    public void A_gradient_covers_its_own_slice_and_a_single_layer_has_its_last_value()
    {
        LayerSelector first = Layers.At(0), second = Layers.At(1), last = Layers.At(2);
        ICheckpoint a = _models.Open("a");
        _models.Same(
            "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [1, 3], parameters: {scale: [2, 3]}}]\n"
                + "  - sources: [{model: a, layer_range: [0, 1], parameters: {scale: [4, 5]}}]\n",
            Merge.WithoutBase().With(Checkpoint.Stack((a, 1..3), (a, 0..1))).Using(MergeStrategies.Passthrough(
                Schedule.FromDouble(4).Where(Layers.Embeddings | first, 2).Where(second, 3).Where(last, 5))));
    }

    [Fact]
    public void Slices_can_have_different_sources_and_source_counts()
    {
        ICheckpoint a = _models.Open("a"), b = _models.Open("b"), c = _models.Open("c");
        const string Recipe = """
            merge_method: linear
            slices:
              - sources:
                  - {model: a, layer_range: [0, 2], parameters: {weight: 1}}
              - sources:
                  - {model: b, layer_range: [1, 3], parameters: {weight: 1}}
                  - {model: c, layer_range: [2, 4], parameters: {weight: 3}}
                  - {model: a, layer_range: [0, 2], parameters: {weight: 2}}
              - sources:
                  - {model: c, layer_range: [3, 4], parameters: {weight: 1}}
                  - {model: b, layer_range: [3, 4], parameters: {weight: 1}}
            """;
        using ICheckpoint merged = _models.Result(Recipe);
        using ICheckpoint middle = Merge.WithoutBase()
            .With(Checkpoint.Stack((b, 1..3)))
            .With(Checkpoint.Stack((c, 2..4)), 3)
            .With(Checkpoint.Stack((a, 0..2)), 2)
            .Using(MergeStrategies.Linear())
            .Plan()
            .AsCheckpoint();
        using ICheckpoint top = Merge.WithoutBase()
            .With(Checkpoint.Stack((c, 3..4)))
            .With(Checkpoint.Stack((b, 3..4)))
            .Using(MergeStrategies.Linear())
            .Plan()
            .AsCheckpoint();
        using ICheckpoint expected = Checkpoint.Stack((a, 0..2), (middle, 0..2), (top, 0..1));
        RecipeModels.Same(expected, merged);
        Assert.Equal(5, LayerMap.Of(merged.Tensors).LayerCount);
    }

    [Fact]
    public async Task The_configuration_has_the_layer_count_of_the_output()
    {
        await _models.Bind("merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 3]}]\n"
            + "  - sources: [{model: a, layer_range: [1, 4]}]\n").SaveAsync(_models["out"]);
        Assert.Contains("\"num_hidden_layers\": 6", await File.ReadAllTextAsync(_models["out", "config.json"]), StringComparison.Ordinal);
        Assert.True((await Checkpoint.VerifyAsync(_models["out"])).Ok);
    }

    [Fact]
    public void A_slice_may_have_a_base_of_its_own()
    {
        ICheckpoint baseModel = _models.Open("base"), a = _models.Open("a"), b = _models.Open("b"), c = _models.Open("c");
        const string Recipe = """
            merge_method: task_arithmetic
            base_model: base
            parameters: {weight: 0.5}
            slices:
              - sources: [{model: a, layer_range: [0, 2]}, {model: b, layer_range: [0, 2]}]
              - base_model: c
                sources: [{model: b, layer_range: [2, 4]}, {model: c, layer_range: [2, 4]}, {model: a, layer_range: [2, 4]}]
            """;
        _models.Same(Recipe, Merge.Onto(Checkpoint.Stack((baseModel, 0..2), (c, 2..4)))
            .With(Checkpoint.Stack((a, 0..2), (b, 2..4)), 0.5).With(Checkpoint.Stack((b, 0..2), (a, 2..4)), 0.5).TaskArithmetic());
    }

    [Fact]
    public void Specific_modules_override_the_default_module_in_any_order()
    {
        const string Head = "  lm_head:\n    models: [{model: c, parameters: {weight: 1}}]\n",
            All = "  default:\n    models: [{model: a, parameters: {weight: 1}}]\n";
        ICheckpoint first = _models.Result("merge_method: linear\nmodules:\n" + All + Head),
            last = _models.Result("merge_method: linear\nmodules:\n" + Head + All);
        RecipeModels.Same(first, last);
        Assert.Equal(SmallModels.Bytes(_models.Open("c"), "lm_head.weight"), SmallModels.Bytes(last, "lm_head.weight"));
    }

    [Fact]
    public void A_module_may_have_more_layers_than_the_source_of_another_module()
    {
        MergePlan plan = _models.Bind("""
            merge_method: passthrough
            modules:
              lm_head: {models: [c]}
              default:
                slices:
                  - sources: [{model: a, layer_range: [0, 4]}]
                  - sources: [{model: b, layer_range: [1, 3]}]
            """).Plan();
        Assert.Equal(6, plan.Tensors.Max(t => t.Place.Layer) + 1);
        ICheckpoint merged = plan.AsCheckpoint();
        Assert.Equal(SmallModels.Bytes(_models.Open("c"), "lm_head.weight"), SmallModels.Bytes(merged, "lm_head.weight"));
        Assert.Equal(
            SmallModels.Bytes(_models.Open("b"), "model.layers.2.mlp.up_proj.weight"),
            SmallModels.Bytes(merged, "model.layers.5.mlp.up_proj.weight"));
        Assert.Equal("6", plan.ConfigChanges["/num_hidden_layers"].ToString());
    }

    [Fact]
    public void A_module_name_is_a_prefix_of_its_tensor_names()
    {
        _models.Same(
            "merge_method: linear\nmodules:\n  model:\n    models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: "
                + "{weight: 1}}]\n  lm_head:\n    models: [{model: c, parameters: {weight: 1}}, {model: b, parameters: {weight: 3}}]\n",
            Merge.Soup(_models.Open("a"), _models.Open("b")).For(Layers.Head, MergeStrategies.Take(0)).Plan() is { } soup
                ? Merge.Onto(soup.AsCheckpoint()).Swap(
                    Layers.Head,
                    Merge.WithoutBase().With(_models.Open("c")).With(_models.Open("b"), 3).Using(
                        MergeStrategies.Linear()).Plan().AsCheckpoint())
                : throw new InvalidOperationException());
    }

    [Theory]
    [InlineData("dtype: float32", DType.Float32)]
    [InlineData("out_dtype: float16", DType.Float16)]
    [InlineData("dtype: float32\nout_dtype: float16", DType.Float16)]
    [InlineData("dtype: null", DType.BFloat16)]
    public void The_output_dtype_can_be_set_and_has_a_default(string line, DType dtype)
    {
        MergeBuilder expected = Merge.Soup(_models.Open("a"), _models.Open("b")).As(dtype);
        _models.Same($"merge_method: linear\nparameters: {{weight: 1}}\nmodels: [a, b]\n{line}\n", expected);
    }

    [Fact]
    public void Rules_match_by_layer_filter_kind_and_source_and_the_last_match_wins()
    {
        ICheckpoint a = _models.Open("a"), b = _models.Open("b"), c = _models.Open("c");
        const string Recipe = """
            merge_method: linear
            parameters: {weight: 1}
            models: [a, b]
            rules:
              - {layers: [0, 2-3], source: c}
              - {filter: v_proj, source: b}
              - {kind: head, merge_method: karcher, parameters: {max_iter: 3}}
              - {layers: 2, kind: mlp, filter: up, merge_method: linear, parameters: {normalize: false}}
            """;
        using ICheckpoint merged = _models.Result(Recipe);
        using ICheckpoint soup = Merge.Soup(a, b).Plan().AsCheckpoint();
        using ICheckpoint karcher = Merge.WithoutBase()
            .With(a)
            .With(b)
            .Using(MergeStrategies.Karcher(new KarcherOptions { MaxIterations = 3 }))
            .Plan()
            .AsCheckpoint();
        using ICheckpoint sum = Merge.WithoutBase()
            .With(a)
            .With(b)
            .Using(MergeStrategies.Linear(new LinearOptions { Normalize = false }))
            .Plan()
            .AsCheckpoint();
        Assert.Equal(SmallModels.Bytes(karcher, "lm_head.weight"), SmallModels.Bytes(merged, "lm_head.weight"));
        Assert.Equal(
            SmallModels.Bytes(sum, "model.layers.2.mlp.up_proj.weight"), SmallModels.Bytes(merged, "model.layers.2.mlp.up_proj.weight"));
        Assert.Equal(
            SmallModels.Bytes(soup, "model.layers.1.mlp.up_proj.weight"), SmallModels.Bytes(merged, "model.layers.1.mlp.up_proj.weight"));
        Assert.Equal(
            SmallModels.Bytes(c, "model.layers.0.mlp.up_proj.weight"), SmallModels.Bytes(merged, "model.layers.0.mlp.up_proj.weight"));
        Assert.Equal(
            SmallModels.Bytes(c, "model.layers.3.self_attn.q_proj.weight"),
            SmallModels.Bytes(merged, "model.layers.3.self_attn.q_proj.weight"));
        Assert.Equal(
            SmallModels.Bytes(b, "model.layers.3.self_attn.v_proj.weight"),
            SmallModels.Bytes(merged, "model.layers.3.self_attn.v_proj.weight"));
    }

    [Fact]
    public async Task Later_documents_use_earlier_ones_by_name()
    {
        const string First = "merge_method: ties\nbase_model: base\nparameters: {weight: 0.5, density: 0.4}\nmodels: [a, b]\n";
        const string Second = "merge_method: slerp\nbase_model: c\nmodels: [first]\nparameters: {t: [0.2, 0.8]}\n";
        await _models.Bind($"name: first\n{First}---\n{Second}").SaveAsync(_models["once"]);
        await _models.Bind(First).SaveAsync(_models["first"]);
        await _models.Bind(Second).SaveAsync(_models["steps"]);
        Assert.Equal(
            await File.ReadAllBytesAsync(_models["steps", "model.safetensors"]),
            await File.ReadAllBytesAsync(_models["once", "model.safetensors"]));
        Assert.True((await Checkpoint.VerifyAsync(_models["once"])).Ok);
    }

    [Fact]
    public void Anchors_and_merge_keys_are_resolved()
    {
        MergeBuilder expected = Merge.WithoutBase()
            .With(_models.Open("a"), 0.3)
            .With(_models.Open("b"), 0.3)
            .With(_models.Open("c"), 0.8)
            .Using(MergeStrategies.Linear());
        _models.Same(
            "merge_method: linear\nmodels:\n  - &first {model: a, parameters: &p {weight: 0.3}}\n  - {<<: *first, model: b}\n"
                + "  - model: c\n    parameters: {<<: *p, weight: 0.8}\n",
            expected);
        _models.Same(
            "merge_method: linear\nmodels:\n  - {model: a, parameters: &p {weight: 0.3}}\n"
                + "  - {model: b, parameters: {<<: [*p, {weight: 7}]}}\n  - {model: c, parameters: {weight: 0.8, <<: *p}}\n",
            expected);
    }

    [Fact]
    public void Models_are_searched_next_to_the_recipe_then_in_folders_then_in_the_Hub_cache()
    {
        string snapshot = _models["hub", "models--owner--name", "snapshots", "0123abc"];
        Directory.CreateDirectory(_models["hub", "models--owner--name", "snapshots"]);
        Directory.Move(_models["a"], snapshot);
        Directory.CreateDirectory(_models["elsewhere"]);
        Directory.Move(_models["b"], _models["elsewhere", "b"]);
        using Recipe recipe = Recipe.Parse(
            "merge_method: linear\nparameters: {weight: 1}\nmodels: [owner/name, b, c]\n",
            _models.Folder,
            _models["elsewhere"],
            _models["hub"]);
        using ICheckpoint a = Checkpoint.Open(snapshot), b = Checkpoint.Open(_models["elsewhere", "b"]);
        RecipeModels.Same(Merge.Soup(a, b, _models.Open("c")).Plan().AsCheckpoint(), recipe.ToMerge().Plan().AsCheckpoint());
        using Recipe revised = Recipe.Parse("merge_method: passthrough\nmodels: [owner/name@0123abc]\n", _models.Folder, _models["hub"]);
        RecipeModels.Same(a, revised.ToMerge().Plan().AsCheckpoint());
    }

    [Theory]
    [InlineData("models: [a, b]")]
    [InlineData("models: [a, b]\nbase_model: a")]
    [InlineData("models: [{model: {model: {path: a}}}, {model: {path: b}}]")]
    public void Linear_averages_the_models_that_are_listed(string models) =>
        _models.Same($"merge_method: linear\nparameters: {{weight: 1}}\n{models}\n", Merge.Soup(_models.Open("a"), _models.Open("b")));

    [Fact]
    public void Linear_averages_a_base_that_is_not_listed_too_if_it_has_a_weight()
    {
        _models.Same(
            "merge_method: linear\nparameters: {weight: 1}\nmodels: [a, b]\nbase_model: base\n",
            Merge.Soup(_models.Open("a"), _models.Open("b"), _models.Open("base")));
        _models.Same(
            "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]\nbase_model: base\n",
            Merge.Soup(_models.Open("a"), _models.Open("b")));
    }

    [Fact]
    public void A_boolean_parameter_can_have_filters()
    {
        ICheckpoint merged = _models.Result(
            "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 2}}]\nparameters:\n"
                + "  normalize:\n    - {filter: q_proj, value: true}\n    - {filter: self_attn, value: false}\n    - {value: true}\n");
        ICheckpoint On(bool normalize) =>
            Merge.WithoutBase().With(_models.Open("a"), 1).With(_models.Open("b"), 2).Using(
                MergeStrategies.Linear(new() { Normalize = normalize })).Plan().AsCheckpoint();
        ICheckpoint on = On(true), off = On(false);
        Assert.All(
            merged.Tensors,
            t => Assert.Equal(
                SmallModels.Bytes(
                    t.Name.Contains("self_attn", StringComparison.Ordinal) && !t.Name.Contains("q_proj", StringComparison.Ordinal)
                        ? off
                        : on,
                    t.Name),
                SmallModels.Bytes(merged, t.Name)));
    }

    [Fact]
    public void A_slice_without_layers_provides_the_tensors_after_the_layers()
    {
        ICheckpoint merged = _models.Result("merge_method: linear\nparameters: {weight: 1}\nslices:\n"
            + "  - sources: [{model: a, layer_range: [0, 4]}, {model: b, layer_range: [0, 4]}]\n"
            + "  - sources: [{model: c, layer_range: [4, 4]}]\n");
        Assert.Equal(SmallModels.Bytes(_models.Open("c"), "lm_head.weight"), SmallModels.Bytes(merged, "lm_head.weight"));
    }

    [Theory]
    [InlineData("const: &A a\nconst: &B b\nmerge_method: linear\nparameters: {weight: 1}\nmodels: [*A, *B]\n")]
    [InlineData("x-common: {y: &P {weight: 1}}\nmerge_method: linear\nmodels: [{model: a, parameters: *P}, {model: b, parameters: *P}]\n")]
    [InlineData(
        "merge_method: linear\nparameters: {weight: 1}\nmodels: [a, b]\nslices: null\nbase_model: ~\ndtype: null\ntokenizer: null\n"
            + "chat_template:\nmodules: []\nembed_slerp: true\n")]
    public void Constants_and_empty_keys_change_nothing(string yaml) =>
        _models.Same(yaml, Merge.Soup(_models.Open("a"), _models.Open("b")));

    [Theory]
    [InlineData("base_model: base\nmodels: [a]")]
    [InlineData("base_model: base\nmodels: [base, a]")]
    [InlineData("base_model: base\nmodels: [a, base]")]
    [InlineData("models: [base, a]")]
    public void Slerp_interpolates_from_the_base_or_first_model_to_the_other(string models) =>
        _models.Same(
            $"merge_method: slerp\nparameters: {{t: 0.3}}\n{models}\n",
            Merge.Onto(_models.Open("base")).With(_models.Open("a")).Using(MergeStrategies.Slerp(0.3)));

    [Theory]
    [InlineData("base_model: base\nmodels: [a, b]")]
    [InlineData("base_model: base\nmodels: [a, base, b]")]
    [InlineData("models: [base, a, b]")]
    public void Karcher_counts_a_base_among_the_models(string models) =>
        _models.Same(
            $"merge_method: karcher\n{models}\n",
            Merge.Onto(_models.Open("base")).With(_models.Open("a")).With(_models.Open("b")).Using(MergeStrategies.Karcher()));

    [Fact]
    public void Nuslerp_with_a_base_uses_task_vectors()
    {
        ICheckpoint a = _models.Open("a"), b = _models.Open("b");
        const string Models = "models: [{model: a, parameters: {weight: 0.6}}, {model: b, parameters: {weight: 0.3}}]\n";
        _models.Same($"merge_method: nuslerp\n{Models}", Merge.WithoutBase().With(a, 0.6).With(b, 0.3).Using(MergeStrategies.NuSlerp()));
        _models.Same(
            $"merge_method: nuslerp\nbase_model: base\n{Models}",
            Merge.Onto(_models.Open("base")).With(a, 0.6).With(b, 0.3).Using(MergeStrategies.NuSlerp()));
    }

    [Theory]
    [InlineData(8, 2, 1, 1, 1)]
    [InlineData(12, 3, 2, 1, 2)]
    public void The_papers_algorithm_is_one_linear_recipe_with_filters(
        int layers, int bottom, int top, int transitionBottom, int transitionTop)
    {
        using RecipeModels tall = new(layers);
        // A dot on both sides, because layers.1 is also a prefix of layers.11.
        string Filters(Func<int, double> weight) =>
            string.Concat(Enumerable.Range(0, layers).Select(layer => string.Create(
                System.Globalization.CultureInfo.InvariantCulture, $"        - {{filter: .layers.{layer}., value: {weight(layer)}}}\n")));
        bool Language(int l) => l < bottom || l >= layers - top;
        bool Task(int l) => l >= bottom + transitionBottom && l < layers - top - transitionTop;
        string linear = "merge_method: linear\nmodels:\n"
            + $"  - model: a\n    parameters:\n      weight:\n{Filters(l => Language(l) ? 0 : Task(l) ? 1 : 0.5)}        - value: 0.5\n"
            + $"  - model: b\n    parameters:\n      weight:\n{Filters(l => Language(l) ? 1 : Task(l) ? 0 : 0.5)}        - value: 0.5\n";
        string swap = "merge_method: layer_swap\nmodels: [a, b]\n"
            + $"parameters: {{bottom: {bottom}, top: {top}, transition_bottom: {transitionBottom}, transition_top: {transitionTop}}}\n";
        using ICheckpoint actual = tall.Result(linear);
        RecipeModels.Same(tall.Result(swap), actual);
        RecipeModels.Same(
            Merge.LayerSwap(
                tall.Open("a"),
                tall.Open("b"),
                new LayerSwapOptions
                {
                    Bottom = bottom,
                    Top = top,
                    TransitionBottom = transitionBottom,
                    TransitionTop = transitionTop
                }).Plan().AsCheckpoint(),
            actual);
    }

    public void Dispose() => _models.Dispose();
}
