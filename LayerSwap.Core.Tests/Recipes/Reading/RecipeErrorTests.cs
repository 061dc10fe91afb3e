using System.Text;

namespace LayerSwap.Tests.Recipes;

/// <summary>Every error of a recipe is reported before the merge, each with its own message, line and column.</summary>
public sealed class RecipeErrorTests : IDisposable
{
    private const string Two = "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]\n";

    private readonly RecipeModels _models = new();

    public static TheoryData<string, string> Wrong => new()
    {
        { Two + "parametres: {normalize: true}\n",
            "line 3, column 1: the recipe has the unknown key parametres; nearest is parameters. Known are merge_method, " },
        { "merge_method: linear\nmodels:\n  - {model: a, weight: 1}\n",
            "line 3, column 16: a model has the unknown key weight. Remedy: parameters belong under the key parameters, here, as "
                + "parameters: {weight: ...}." },
        { Two + "density: 0.5\n",
            "line 3, column 1: the recipe has the unknown key density. Remedy: parameters belong under the key parameters, here, as "
                + "parameters: {density: ...}." },
        { "merge_method: linear\nmodels:\n  - {model: a, wieght: 1}\n",
            "line 3, column 16: a model has the unknown key wieght. Remedy: parameters belong under the key parameters, here, as "
                + "parameters: {weight: ...}." },
        { "merge_method: linear\nmodels: [{model: a, layer_range: [0, 1]}]\n",
            "line 2, column 21: a model has the unknown key layer_range; nearest is " },
        { Two + "parameters: {normalise: true}\n",
            "line 3, column 25: linear has no parameter normalise; nearest is normalize. It has normalize, weight." },
        { "merge_method: ties\nbase_model: base\nmodels:\n  - model: a\n    parameters: {weight: 1, densty: 0.5}\n",
            "line 5, column 37: ties has no parameter densty; nearest is density. " },
        { "merge_method: slerp\nbase_model: base\nmodels:\n  - model: a\n    parameters: {t: 0.5}\n",
            "line 5, column 21: t is a parameter of slerp as a whole, and stands under a model. Remedy: move it to the parameters of "
                + "the recipe or of a slice." },
        { "merge_method: linear\nmodels: [{model: a, parameters: {weight: []}}]\n",
            "line 2, column 42: weight is a gradient with no numbers; at least one is expected." },
        { "merge_method: linear\nmodels: [{model: a, parameters: {weight: [{filter: mlp, value: []}]}}]\n",
            "column 64: weight is a gradient with no numbers; at least one is expected." },
        { "merge_method: linear\nmodels: [{model: a, parameters: {weight: [{filter: mlp}]}}]\n", "weight has a filter without a value." },
        { "merge_method: linear\nmodels: [{model: a, parameters: {weight: [{filter: [mlp], value: 1}]}}]\n",
            "line 2, column 52: filter is a list; a text is expected." },
        { "merge_method: linear\nmodels: [{model: a, parameters: {weight: heavy}}]\n",
            "line 2, column 42: weight is heavy; a finite number is expected." },
        { "merge_method: linear\nmodels: [{model: a, parameters: {weight: .nan}}]\n", "weight is .nan; a finite number is expected." },
        { "merge_method: linear\nmodels: [{model: a, parameters: {weight: [0, [1]]}}]\n",
            "weight is a list; a finite number is expected." },
        { "merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: [3, 1]}]\n",
            "line 3, column 39: layer_range is [3, 1]; the first layer, from 0, and the one after the last are expected, in this order." },
        { "merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: [1, 1]}]\n",
            "line 3, column 3: every layer_range is empty" },
        { "merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: [-1, 1]}]\n",
            "line 3, column 39: layer_range is [-1, 1]; " },
        { "merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: [0, 5]}]\n",
            "line 3, column 15: layer_range is [0, 5], but a has 4 layers." },
        { "merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: [0, 4, 5]}]\n",
            "layer_range is a list of 3; two whole numbers are expected, such as [0, 16]." },
        { "merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: 4}]\n",
            "layer_range is 4; two whole numbers are expected" },
        { "merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: [0, x]}]\n",
            "line 3, column 43: layer_range is x; a whole number is expected." },
        { "merge_method: linear\nslices:\n  - sources: [{model: a}]\n",
            "line 3, column 15: layer_range is missing: the first layer, and the one after the last." },
        { "merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: [0, 2]}, {model: b, layer_range: [0, 3]}]\n",
            "line 3, column 14: the sources of a slice have 2 and 3 layers; the same number is expected of all." },
        { "merge_method: linear\nslices:\n  - {base_model: a}\n", "line 3, column 5: a slice needs sources." },
        { "merge_method: ties\nmodels: [{model: a, parameters: {weight: 1}}]\n",
            "line 1, column 15: ties needs base_model, the model the others were fine-tuned from." },
        { "merge_method: share_swap\nmodels: [a, b]\n", "line 1, column 15: share_swap needs base_model, " },
        { "merge_method: layer_swap\nmodels: [a]\n",
            "line 1, column 15: layer_swap takes two models under models, the task expert first and the language expert second." },
        { "merge_method: task_arithmetic\nbase_model: base\nmodels: [a, {model: b, parameters: {weight: 1}}]\n",
            "line 3, column 10: task_arithmetic needs a weight for a." },
        { "merge_method: linear\nmodels: [{parameters: {weight: 1}}]\n", "line 2, column 10: model is missing." },
        { "merge_method: linear\nmodels: []\n", "line 2, column 9: models is an empty list; a list of at least one is expected." },
        { "merge_method: linear\nmodels: a\n", "line 2, column 9: models is a; a list of at least one is expected." },
        { "merge_method: linear\nmodels: {model: a}\n", "line 2, column 9: models is a mapping; a list of at least one is expected." },
        { "merge_method: linear\nmodels: [[a]]\n", "line 2, column 10: a model is a list; keys with values are expected." },
        { "merge_method: [linear]\nmodels: [a]\n", "line 1, column 15: merge_method is a list; a text is expected." },
        { Two + "parameters: 3\n", "line 3, column 13: parameters is 3; keys with values are expected." },
        { Two + "base_model: [a]\n", "line 3, column 13: base_model is a list; a text is expected." },
        { "merge_method: linear\n", "line 1, column 1: models, slices or modules is missing; one of them is expected." },
        { "models: [a]\n", "line 1, column 1: merge_method is missing." },
        { Two + "slices: [{sources: [{model: a, layer_range: [0, 4]}]}]\n",
            "line 1, column 1: models and slices are both there; one of models, slices and modules is expected." },
        { "merge_method: linear\nmodules:\n  text: {parameters: {weight: 1}}\n",
            "line 3, column 9: module text needs either models or slices." },
        { "merge_method: tie\nmodels: [a]\n", "line 1, column 15: there is no method tie; nearest is ties. There are layer_swap, " },
        { Two + "dtype: int64\n",
            "line 3, column 8: dtype is int64; float32, float16, bfloat16 or float64 is expected. Whole numbers are never computed with." },
        { Two + "dtype: fp16\n", "line 3, column 8: dtype is fp16; float32, float16, bfloat16 or float64 is expected." },
        { Two + "out_dtype: double\n", "line 3, column 12: out_dtype is double; float32, float16, bfloat16 or float64 is expected." },
        { Two + "dtype: [float32]\n", "line 3, column 8: dtype is a list; float32, float16, bfloat16 or float64 is expected." },
        { Two + "vocabulary: cut\n", "line 3, column 13: vocabulary is cut; error, truncate or pad is expected." },
        { Two + "vocabulary: [pad]\n", "line 3, column 13: vocabulary is a list; error, truncate or pad is expected." },
        { Two + "rules: [{merge_method: ties}]\n", "line 3, column 9: a rule needs layers, filter or kind: where it holds." },
        { Two + "rules: [{layers: 1}]\n", "line 3, column 9: a rule needs merge_method, or source: whose bytes are taken." },
        { Two + "rules: [{layers: 1, source: a, merge_method: slerp}]\n",
            "line 3, column 9: a rule with source copies bytes; merge_method cannot be combined with it. Remedy: " },
        { Two + "rules: [{layers: 1, source: a, parameters: {weight: 2}}]\n",
            "line 3, column 9: a rule with source copies bytes; parameters cannot be combined with it. Remedy: " },
        { "merge_method: share_swap\nbase_model: base\nmodels: [a, b]\nparameters: {threshold: -1}\n",
            "line 4, column 25: threshold is -1; 0 or more is expected." },
        { "merge_method: slerp\nbase_model: base\nmodels:\n  - {model: a, t: 0.5}\n",
            "line 4, column 16: a model has the unknown key t. Remedy: parameters belong under the key parameters, of the recipe or of "
                + "a slice, as parameters: {t: ...}." },
        { Two + "rules: [{layers: 3-1, source: a}]\n",
            "line 3, column 18: layers is 3-1; numbers and ranges are expected, such as [0, 1, 30-31]." },
        { Two + "rules: [{kind: heads, source: a}]\n",
            "line 3, column 16: kind is heads; one of other, embedding, attention, mlp, norm, head is expected." },
        { Two + "rules: [{kind: head, merge_method: layer_swap}]\n",
            "line 3, column 36: layer_swap is a whole merge and cannot be used in a rule." },
        { Two + "rules: [{kind: head, merge_method: linaer}]\n", "line 3, column 36: there is no method linaer; nearest is linear. " },
        { "merge_method: layer_swap\nmodels: [a, b]\nparameters: {bottom: 1.5}\n",
            "line 3, column 22: bottom is 1.5; a whole number of 0 or more is expected." },
        { "merge_method: layer_swap\nmodels: [a, b]\nparameters: {botom: 1}\n",
            "line 3, column 21: layer_swap has no parameter botom; nearest is bottom. " },
        { "merge_method: layer_swap\nmodels: [a, b]\nparameters: {bottom: 1, top: 1, transition_weights: even}\n",
            "transition_weights is even; one of equal, proportional, inversely_proportional is expected." },
        { "merge_method: layer_swap\nmodels: [a, b]\nparameters: {bottom: 1, top: 1, head: both}\n",
            "line 3, column 39: head is both; one of average, task, language, base is expected." },
        { "merge_method: linear\nmodels: [a+lora]\n",
            "line 2, column 10: there is no model a+lora; looked for as" },
        { "merge_method: linear\nmodels: [{model: {model: a, lora: adapters/x}}]\n", "there is no model a+adapters/x; looked for as" },
        { "merge_method: linear\nmodels: [a]\n---\nmerge_method: linear\nmodels: [b]\n",
            "line 1, column 1: of several documents all but one need a name, by which others use them" },
        { "- a\n- b\n", "line 1, column 1: the recipe is a list; keys with values are expected." },
        { "just a text\n", "line 1, column 1: the recipe is just a text; keys with values are expected." },
        { "", "line 1, column 1: the recipe is empty; at least merge_method and models are expected." },
        { "# nothing but a remark\n", "line 1, column 1: the recipe is empty; " },
        { "merge_method: [linear\nmodels: }\n", "this is not YAML: " },
        { "merge_method: linear\nmodels:\n\t- model: a\n", "this is not YAML: " },
        { "merge_method: linear\nmerge_method: ties\nmodels: [a]\n", "line 2, column 1: this is not YAML: Duplicate key" },
        { "merge_method: linear\nmodels: [*unknown]\n", "this is not YAML: " },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Errors_have_line_and_column(string yaml, string message)
    {
        string[] problems = _models.ProblemsOf(yaml);
        Assert.Contains(
            problems, p => p.StartsWith("recipe, line ", StringComparison.Ordinal) && p.Contains(message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_missing_model_is_named_with_all_searched_paths()
    {
        Recipe recipe = _models.Parse("merge_method: linear\nmodels:\n  - model: owner/gone\n", _models["first"], _models["second"]);
        Assert.Equal(
            $"recipe, line 3, column 12: there is no model owner/gone; looked for as {_models["owner/gone"]}, "
                + $"{_models["first", "owner/gone"]}, {_models["second", "owner/gone"]}. "
                + "Remedy: give its path relative to the recipe, or the folder that models lie in (--models DIR).",
            Assert.Throws<RecipeException>(() => recipe.ToMerge()).Message);
    }

    [Fact]
    public void Several_problems_are_reported_together_in_line_order()
    {
        string[] problems = _models.ProblemsOf("""
            merge_metod: linear
            models:
              - model: a
                parameters: {weight: []}
              - model: b
                parametrs: {weight: 1}
            dtype: half
            """);
        Assert.Equal(
            [1, 1, 4, 6, 7],
            problems.Select(p => int.Parse(p.Split(", line ")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture)));
        RecipeException e = Assert.Throws<RecipeException>(() => _models.Parse("a: 1\nb: 2\n"));
        Assert.StartsWith(
            $"{e.Problems.Count} problems in the recipe:\n  - recipe, line 1, column 1: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Problems_found_in_the_models_are_reported_together()
    {
        string[] problems = _models.ProblemsOf(
            "merge_method: linear\nparameters: {normalise: true}\nslices:\n  - sources: [{model: a, layer_range: [0, 9]}]\n"
                + "  - sources: [{model: b, layer_range: [2, 8]}]\n");
        Assert.Equal(3, problems.Length);
        Assert.Contains("line 2, ", problems[0], StringComparison.Ordinal);
        Assert.Contains("line 4, ", problems[1], StringComparison.Ordinal);
        Assert.Contains("line 5, ", problems[2], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[a, 2]")]
    [InlineData("[1.5, 2]")]
    [InlineData("[1]")]
    public void An_invalid_range_is_reported_once(string range) =>
        Assert.Contains(
            "a whole number is expected",
            _models.ProblemOf($"merge_method: linear\nslices:\n  - sources: [{{model: a, layer_range: {range}}}]\n")
                .Replace("two whole numbers are", "a whole number is", StringComparison.Ordinal),
            StringComparison.Ordinal);

    [Fact]
    public void A_reversed_range_is_reported_once()
    {
        string[] problems = _models.ProblemsOf(
            "merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: [0, 4]}, {model: b, layer_range: [3, 1]}]\n");
        Assert.Contains("layer_range is [3, 1]", Assert.Single(problems), StringComparison.Ordinal);
    }

    /// <summary>Problems found in the tensors have the line and column of the method, slice or rule.</summary>
    [Theory]
    [InlineData(
        "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: -1}}]\n",
        "recipe, line 1, column 15: linear: the weights 1, -1 sum to 0; ")]
    [InlineData(
        "merge_method: layer_swap\nmodels: [a, b]\nparameters: {bottom: 3, top: 2}\n",
        "recipe, line 1, column 15: layer_swap: bottom 3 + top 2 + transitions 1 and 1 make 7 layers, but the model has 4. Remedy: ")]
    [InlineData(
        "merge_method: ties\nbase_model: base\nmodels: [{model: a, parameters: {weight: 1, density: -1}}]\n",
        "recipe, line 1, column 15: ties: density is -1; expected is 0 or more.")]
    [InlineData(
        "merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: [0, 2]}]\n"
            + "  - sources: [{model: a, layer_range: [2, 4], parameters: {weight: 1}}, {model: b, layer_range: [2, 4], parameters: "
            + "{weight: -1}}]\n",
        "recipe, line 4, column 5: linear: the weights 1, -1 sum to 0; ")]
    [InlineData(
        "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]\nrules:\n"
            + "  - {kind: mlp, merge_method: slerp, parameters: {t: 0.5}}\n  - {kind: norm, merge_method: ties}\n",
        "recipe, line 5, column 5: ties ")]
    public void Problems_found_in_the_tensors_have_line_and_column(string yaml, string problem)
    {
        using Recipe recipe = _models.Parse(yaml);
        MergeException e = Assert.Throws<MergeException>(() => recipe.ToMerge().Plan());
        Assert.Contains(e.Problems, p => p.StartsWith(problem, StringComparison.Ordinal));
        Assert.All(e.Problems, p => Assert.StartsWith("recipe, line ", p, StringComparison.Ordinal));
    }

    [Fact]
    public void A_rule_with_an_invalid_kind_gives_one_problem() =>
        Assert.Single(_models.ProblemsOf(Two + "rules: [{kind: embeding, source: a}]\n"));

    [Fact]
    public void A_rule_without_matches_is_reported_with_line_and_column() =>
        Assert.Contains(
            _models.Bind(Two + "rules:\n  - {layers: 9, source: a}\n").Plan().Warnings,
            w => w.StartsWith("recipe, line 4, column 5: The rule for ", StringComparison.Ordinal));

    [Fact]
    public void Layers_with_colliding_names_are_named()
    {
        ICheckpoint odd = SmallModels.Of(
            "odd", DType.Float32, ("model.layers.0.w", [2], [1, 2]), ("model.layers.00.w", [2], [3, 4]), ("model.layers.1.w", [2], [5, 6]));
        MergeException e = Assert.Throws<MergeException>(() => Checkpoint.Stack((odd, 0..1), (odd, 0..1)));
        Assert.Equal(
            "Stacked, model.layers.0.w of odd and model.layers.00.w of odd would both be called model.layers.0.w. Remedy: number the "
                + "model's layers without leading zeros.",
            e.Message);
    }

    [Fact]
    public void A_misspelt_weight_is_reported_once()
    {
        string[] problems =
            _models.ProblemsOf("merge_method: task_arithmetic\nbase_model: base\nmodels: [{model: a, parameters: {wieght: 1}}]\n");
        Assert.Contains("has no parameter wieght; nearest is weight", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void A_document_used_by_another_is_identified_by_its_name()
    {
        using Recipe recipe = _models.Parse(
            "name: both\nmerge_method: linear\nmodels: [a, b]\n---\nmerge_method: task_arithmetic\nbase_model: base\n"
                + "models: [{model: both, parameters: {weight: 1}}]\n");
        Assert.Matches(@"^both \([0-9a-f]{8}\)$", recipe.ToMerge().Plan().Tensors[0].Sources[^1]);
    }

    [Fact]
    public void A_duplicate_model_in_a_slice_is_noted_and_used_twice()
    {
        const string Twice = "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 1}}\n"
            + "  - {model: b, parameters: {weight: 1}}\n  - {model: ./a, parameters: {weight: 2}}\n";
        Assert.Equal("line 5, column 5: ./a is given twice in one slice; both are used.", Assert.Single(_models.NotesOf(Twice)));
        ICheckpoint a = _models.Open("a");
        _models.Same(Twice, Merge.WithoutBase().With(a, 1).With(_models.Open("b"), 1).With(a, 2).Using(MergeStrategies.Linear()));
    }

    [Fact]
    public void A_parameter_of_another_method_is_ignored_with_a_note()
    {
        Assert.Equal(
            "line 3, column 23: linear has no parameter density; it changes nothing.",
            Assert.Single(_models.NotesOf(Two + "parameters: {density: 0.5}\n")));
    }

    [Theory]
    [InlineData(new byte[] { 0x80, 0xff, 0xfe, 0x00, 0x10 }, "is not valid UTF-8 text; a YAML recipe is expected.")]
    [InlineData(new byte[] { 0x08, 0x00, 0x00, 0x00, 0x7b, 0x7d }, "this is not YAML")]
    public void A_binary_file_is_refused(byte[] content, string message)
    {
        File.WriteAllBytes(_models["recipe.yml"], content);
        RecipeException e = Assert.Throws<RecipeException>(() => Recipe.Load(_models["recipe.yml"]));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.Contains("recipe.yml", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_is_ignored()
    {
        File.WriteAllText(_models["recipe.yml"], Two, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        using Recipe recipe = Recipe.Load(_models["recipe.yml"]);
        Assert.NotEmpty(recipe.ToMerge().Plan().Tensors);
    }

    [Fact]
    public void No_model_is_opened_if_the_recipe_is_invalid()
    {
        File.WriteAllText(_models["a", "model.safetensors"], "not a checkpoint");
        Assert.Throws<RecipeException>(() => _models.Parse("merge_method: linear\nmodels: [a]\nunknown: 1\n"));
    }

    public void Dispose() => _models.Dispose();
}
