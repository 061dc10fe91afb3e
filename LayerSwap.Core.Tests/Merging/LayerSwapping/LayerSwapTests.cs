using FsCheck;
using FsCheck.Fluent;

namespace LayerSwap.Tests.Merging;

/// <summary>The checklist of what implementing the paper means, items 1 to 5 and 8.</summary>
public sealed class LayerSwapTests : IDisposable
{
    private static readonly DType[] Averaged = [DType.Float32, DType.BFloat16,
        DType.Float16, DType.Float64, DType.Float8E4M3, DType.Float8E5M2];

    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData(8, 2, 1, 1, 1)]
    [InlineData(8, 0, 0, 0, 0)]
    [InlineData(8, 3, 2, 2, 1)]
    [InlineData(32, 5, 2, 1, 1)]
    [InlineData(5, 0, 3, 1, 1)]
    [InlineData(4, 4, 0, 0, 0)]
    [InlineData(1, 0, 0, 1, 0)]
    public async Task Every_layer_has_the_source_of_the_algorithm(int layers,
        int bottom, int top, int transitionBottom, int transitionTop)
    {
        ICheckpoint task = SmallModels.Llama("task", 1, layers: layers), language = SmallModels.Llama("language", 2, layers: layers);
        LayerSwapOptions options = new() { Bottom = bottom, Top = top, TransitionBottom = transitionBottom, TransitionTop = transitionTop };
        using ICheckpoint merged = await SavedAsync(Merge.LayerSwap(task, language, options));
        LayerMap map = LayerMap.Of(merged.Tensors);
        foreach (TensorInfo tensor in merged.Tensors)
        {
            byte[] t = SmallModels.Bytes(task, tensor.Name),
                l = SmallModels.Bytes(language, tensor.Name), m = SmallModels.Bytes(merged, tensor.Name);
            int? layer = map[tensor.Name].Layer;
            if (layer < bottom || layer >= layers - top)
            {
                Assert.Equal(l, m);
            }
            else if (layer >= bottom + transitionBottom && layer < layers - top - transitionTop)
            {
                Assert.Equal(t, m);
            }
            else
            {
                double[] a = SmallModels.Values(task, tensor.Name), b = SmallModels.Values(language, tensor.Name);
                Oracle.WithinOneUlp(tensor.DType, [.. a.Zip(b, (x, y) => (x + y) / 2)],
                    SmallModels.Values(merged, tensor.Name), tensor.Name);
            }
        }
    }

    [Fact]
    public void The_transition_is_within_one_ulp_of_float64()
    {
        var cases = from dtype in Gen.Elements(Averaged)
                    from weights in Gen.Two(Gen.Choose(1, 1000))
                    from values in Gen.ArrayOf(Gen.Two(Gen.Choose(-3000, 3000).Select(x => x * Math.ScaleB(1, -10))))
                    select (dtype, weights, values);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            double[] a = Rounded(c.dtype, [.. c.values.Select(v => v.Item1)]), b = Rounded(c.dtype, [.. c.values.Select(v => v.Item2)]);
            double wt = c.weights.Item1 / 100.0, wl = c.weights.Item2 / 7.0;
            double[] merged = Transition(c.dtype, TransitionWeights.Of(wt, wl), a, b);
            Oracle.WithinOneUlp(c.dtype, [.. a.Zip(b, (x, y) => ((wt * x) + (wl * y)) / (wt + wl))], merged, $"{wt}, {wl}");
        }).Check(Properties.Config);
    }

    [Fact]
    public void Scaling_both_weights_changes_nothing()
    {
        double[] a = [.. Enumerable.Range(0, 999).Select(i => Math.Sin(i))],
            b = [.. Enumerable.Range(0, 999).Select(i => Math.Cos(i * 1.7))];
        Assert.Equal(Transition(DType.BFloat16, TransitionWeights.Of(0.375, 0.625), a, b),
            Transition(DType.BFloat16, TransitionWeights.Of(3, 5), a, b));
    }

    [Fact]
    public void Weights_by_change_are_proportional_to_each_experts_mean_absolute_change()
    {
        double[] x = [1, -1, 2, 0], t = [1.5, -1.5, 2.5, 0.5], l = [1.25, -1, 2.25, 1];
        // Mean absolute changes: 0.5 and (0.25 + 0 + 0.25 + 1) / 4 = 0.375.
        double[] Expected(double wt, double wl) => [.. t.Zip(l, (p, q) => ((wt * p) + (wl * q)) / (wt + wl))];
        Oracle.WithinOneUlp(DType.Float32, Expected(0.5, 0.375),
            Transition(DType.Float32, TransitionWeights.Proportional, t, l, x), "proportional");
        Oracle.WithinOneUlp(DType.Float32, Expected(0.375, 0.5),
            Transition(DType.Float32, TransitionWeights.InverselyProportional, t, l, x), "inverse");
        Oracle.WithinOneUlp(DType.Float32, x, Transition(DType.Float32, TransitionWeights.Proportional, x, x, x), "neither changed");
        foreach (double small in (double[])[1e-14, 1e-30])
        {
            double[] none = [0, 0, 0, 0], tiny = [3 * small, 0, 0, 0], other = [small, 0, 0, 0];
            Oracle.WithinOneUlp(DType.Float32, [2.5 * small, 0, 0, 0],
                Transition(DType.Float32, TransitionWeights.Proportional, tiny, other, none), $"changes of {small}");
        }
    }

    [Theory]
    [InlineData(OutsidePolicy.Average)]
    [InlineData(OutsidePolicy.Task)]
    [InlineData(OutsidePolicy.Language)]
    [InlineData(OutsidePolicy.Base)]
    public async Task Embeddings_norm_and_head_have_a_policy_each(OutsidePolicy policy)
    {
        ICheckpoint baseModel = SmallModels.Llama("base", 0),
            task = SmallModels.Llama("task", 1), language = SmallModels.Llama("language", 2);
        (LayerSwapOptions Options, string Tensor)[] choices =
        [
            (new() { Embeddings = policy, Bottom = 1 }, "model.embed_tokens.weight"),
            (new() { Norm = policy, Bottom = 1 }, "model.norm.weight"),
            (new() { Head = policy, Bottom = 1 }, "lm_head.weight"),
        ];
        foreach ((LayerSwapOptions options, string name) in choices)
        {
            using ICheckpoint merged = await SavedAsync(Merge.LayerSwap(task, language, options, baseModel));
            foreach (string outside in choices.Select(c => c.Tensor))
            {
                byte[] expected = (outside == name ? policy : OutsidePolicy.Average) switch
                {
                    OutsidePolicy.Task => SmallModels.Bytes(task, outside),
                    OutsidePolicy.Language => SmallModels.Bytes(language, outside),
                    OutsidePolicy.Base => SmallModels.Bytes(baseModel, outside),
                    _ =>
                        SmallModels.Encode(DType.BFloat16,
                            [.. SmallModels.Values(task, outside).Zip(SmallModels.Values(language, outside), (a, b) => (a + b) / 2)]),
                };
                Assert.Equal(expected, SmallModels.Bytes(merged, outside));
            }
        }
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public async Task Tied_embeddings_stay_tied_and_follow_the_embeddings_policy(bool storedByTask, bool storedByLanguage)
    {
        using ICheckpoint task = await TiedAsync("task", 1, storedByTask), language = await TiedAsync("language", 2, storedByLanguage);
        using ICheckpoint merged =
            await SavedAsync(Merge.LayerSwap(task, language,
                new LayerSwapOptions { Bottom = 1, Embeddings = OutsidePolicy.Average, Head = OutsidePolicy.Task }));
        byte[] embedding = SmallModels.Bytes(merged, "model.embed_tokens.weight");
        double[] average = [.. SmallModels.Values(task, "model.embed_tokens.weight")
            .Zip(SmallModels.Values(language, "model.embed_tokens.weight"), (a, b) => (a + b) / 2)];
        Assert.Equal(SmallModels.Encode(DType.BFloat16, average), embedding);
        if (storedByTask && storedByLanguage)
        {
            Assert.Equal(embedding, SmallModels.Bytes(merged, "lm_head.weight"));
        }
        else
        {
            Assert.Null(merged.Find("lm_head.weight"));
        }
    }

    [Fact]
    public void Presets_go_by_name_and_unknown_names_are_rejected()
    {
        Assert.Equal(new LayerSwapOptions(), LayerSwapOptions.Preset("paper", 8));
        Assert.Equal((6, 2, 0, 0), Numbers(LayerSwapOptions.Preset("follow-up", 8)));
        Assert.Equal((5, 2, 1, 1), Numbers(LayerSwapOptions.Preset("paper-scaled", 32)));
        Assert.Equal((10, 4, 2, 2), Numbers(LayerSwapOptions.Preset("paper-scaled", 64)));
        Assert.Equal((1, 1, 0, 0), Numbers(LayerSwapOptions.Preset("paper-scaled", 8)));
        for (int layers = 1; layers < 300; layers++)
        {
            (int b, int u, int tb, int tu) = Numbers(LayerSwapOptions.PaperScaledTo(layers));
            Assert.True(b + u + tb + tu <= layers, $"{layers}");
        }

        Assert.Contains("paper-scaled",
            Assert.Throws<ArgumentException>(() => LayerSwapOptions.Preset("papre", 8)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1, 0, 0, 0)]
    [InlineData(0, -1, 0, 0)]
    [InlineData(0, 0, -1, 0)]
    [InlineData(0, 0, 0, -1)]
    public void Negative_numbers_are_rejected_when_added(int bottom, int top, int transitionBottom, int transitionTop) =>
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            MergeStrategies.LayerSwap(new()
            { Bottom = bottom, Top = top, TransitionBottom = transitionBottom, TransitionTop = transitionTop }));

    [Theory]
    [InlineData(5, 2, 1, 1)]
    [InlineData(int.MaxValue, int.MaxValue, 1, 1)]
    public void Swapping_more_than_all_layers_is_rejected_with_the_counts(int bottom, int top, int transitionBottom, int transitionTop)
    {
        LayerSwapOptions options = new() { Bottom = bottom, Top = top, TransitionBottom = transitionBottom, TransitionTop = transitionTop };
        MergeException e =
            Assert.Throws<MergeException>(() => Merge.LayerSwap(SmallModels.Llama("task", 1),
                SmallModels.Llama("language", 2), options).Plan());
        string problem = Assert.Single(e.Problems);
        Assert.Contains("the model has 8", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-1, 2)]
    [InlineData(double.NaN, 1)]
    [InlineData(double.PositiveInfinity, 1)]
    public void Weights_that_cannot_be_normalised_are_rejected(double task, double language) =>
        Assert.Throws<ArgumentException>(() => TransitionWeights.Of(task, language));

    [Fact]
    public async Task Identical_experts_give_identical_tensors_for_every_dtype_and_bit_pattern()
    {
        foreach (DType dtype in DTypes.All)
        {
            // Every 16-bit pattern, so that NaN payloads and negative zeros of every float occur.
            byte[] bytes = new byte[65536 * 8];
            for (int i = 0; i < bytes.Length / 2; i++)
            {
                BitConverter.TryWriteBytes(bytes.AsSpan(2 * i), (ushort)((i * 40503) ^ (i >> 16)));
            }

            TensorInfo[] tensors =
                [.. new[] { "model.layers.0.a.weight", "model.layers.1.a.weight", "model.embed_tokens.weight", "lm_head.weight" }
                .Select(n => new TensorInfo(n, dtype, new TensorShape(bytes.Length * 8L / dtype.Bits() / 64 * 64)))];
            ICheckpoint Expert(string name) =>
                Checkpoint.InMemory(name, tensors.Select(t => (t, (ReadOnlyMemory<byte>)bytes.AsMemory(0, (int)t.ByteLength))));
            using ICheckpoint merged = await SavedAsync(Merge.LayerSwap(Expert("task"), Expert("language"), new LayerSwapOptions
            {
                Bottom = 1,
                Top = 0,
                TransitionBottom = 1,
                TransitionTop = 0,
                Weights = TransitionWeights.Of(0.123, 0.456),
            }));
            foreach (TensorInfo tensor in tensors)
            {
                Assert.True(bytes.AsSpan(0, (int)tensor.ByteLength).SequenceEqual(SmallModels.Bytes(merged, tensor.Name)), $"{tensor}");
            }
        }
    }

    [Fact]
    public async Task Exchanged_roles_with_the_complementary_layers_give_the_same_model()
    {
        ICheckpoint a = SmallModels.Llama("a", 1), b = SmallModels.Llama("b", 2);
        LayerSelector outer = Layers.First(3) | Layers.Last(2);
        using ICheckpoint one = await SavedAsync(Merge.Onto(a).Swap(outer, from: b)),
            other = await SavedAsync(Merge.Onto(b).Swap(!outer, from: a));
        Assert.Equal([0, 1, 2, 6, 7], outer.LayersOf(LayerMap.Of(a.Tensors)));
        foreach (TensorInfo tensor in one.Tensors)
        {
            Assert.Equal(SmallModels.Bytes(one, tensor.Name), SmallModels.Bytes(other, tensor.Name));
        }
    }

    [Fact]
    public async Task The_algorithm_is_the_same_when_written_as_rules()
    {
        ICheckpoint task = SmallModels.Llama("task", 1), language = SmallModels.Llama("language", 2);
        using ICheckpoint swapped = await SavedAsync(Merge.LayerSwap(task, language, bottom: 2, top: 1, transition: 1));
        using ICheckpoint ruled = await SavedAsync(Merge.WithoutBase().With(task).With(language).Using(MergeStrategies.Linear())
            .For(Layers.Range(3, 6), MergeStrategies.Take(0)).For(Layers.First(2) | Layers.Last(1), MergeStrategies.Take(1)));
        foreach (TensorInfo tensor in swapped.Tensors)
        {
            Assert.Equal(SmallModels.Bytes(swapped, tensor.Name), SmallModels.Bytes(ruled, tensor.Name));
        }
    }

    /// <summary>A language model with a tower for images: only the language model's layers are counted and swapped.</summary>
    [Fact]
    public void Another_stack_may_have_fewer_layers_than_are_swapped()
    {
        ICheckpoint Model(string name, double value) =>
            SmallModels.Of(name, DType.Float32,
                [.. Enumerable.Range(0, 4).Select(l => ($"language_model.layers.{l}.w", (long[])[2], (double[])[value, l])),
                    ("vision_model.layers.0.w", [2], [value, 9])]);
        ICheckpoint merged = Merge.LayerSwap(Model("task", 1), Model("language", 2), bottom: 1, top: 1).Plan().AsCheckpoint();
        Assert.Equal([2, 0], SmallModels.Values(merged, "language_model.layers.0.w"));
        Assert.Equal([1.5, 1], SmallModels.Values(merged, "language_model.layers.1.w"));
        Assert.Equal([1.5, 9], SmallModels.Values(merged, "vision_model.layers.0.w"));
    }

    [Fact]
    public async Task Only_the_expert_that_is_taken_is_read()
    {
        CountingCheckpoint task = new(SmallModels.Llama("task", 1)), language = new(SmallModels.Llama("language", 2));
        MergePlan plan = Merge.LayerSwap(task, language, new LayerSwapOptions
        {
            Bottom = 2,
            Top = 1,
            TransitionBottom = 0,
            TransitionTop = 0,
            Embeddings = OutsidePolicy.Task,
            Norm = OutsidePolicy.Task,
            Head = OutsidePolicy.Task,
        }).Plan();
        Assert.Equal(0, task.BytesRead + language.BytesRead);
        await plan.ExecuteAsync(_temp["out"]);
        long total = plan.Tensors.Sum(t => t.Tensor.ByteLength),
            outer = plan.Tensors.Where(t => t.Place.Layer is < 2 or 7).Sum(t => t.Tensor.ByteLength);
        Assert.Equal(outer, language.BytesRead);
        Assert.Equal(total - outer, task.BytesRead);
        Assert.Equal(total, plan.ReadBytes);
    }

    private static (int, int, int, int) Numbers(LayerSwapOptions o) => (o.Bottom, o.Top, o.TransitionBottom, o.TransitionTop);

    private static double[] Rounded(DType dtype, double[] values) =>
        SmallModels.Values(SmallModels.Of("x", dtype, ("x", [values.Length], values)), "x");

    private static double[] Transition(DType dtype, TransitionWeights weights, double[] task, double[] language, double[]? baseModel = null)
    {
        const string name = "model.layers.0.w.weight";
        ICheckpoint Model(string role, double[] values) => SmallModels.Of(role, dtype, (name, [values.Length], values));
        LayerSwapOptions options = new() { Bottom = 0, Top = 0, TransitionBottom = 1, TransitionTop = 0, Weights = weights };
        using TempFolder temp = new();
        MergeBuilder builder = Merge.LayerSwap(Model("task", task), Model("language", language),
            options, baseModel is null ? null : Model("base", baseModel));
        builder.SaveAsync(temp["out"]).GetAwaiter().GetResult();
        using ICheckpoint merged = Checkpoint.Open(temp["out"]);
        return SmallModels.Values(merged, name);
    }

    private async Task<ICheckpoint> SavedAsync(MergeBuilder builder)
    {
        string path = _temp[Guid.NewGuid().ToString()];
        await builder.SaveAsync(path);
        return Checkpoint.Open(path);
    }

    private async Task<ICheckpoint> TiedAsync(string name, int expert, bool stored)
    {
        ICheckpoint model = SmallModels.Llama(name, expert);
        TensorInfo[] tensors = [.. model.Tensors.Where(t => stored || t.Name != "lm_head.weight")];
        // A stored head of a tied model is its embedding.
        ICheckpoint tied = Checkpoint.InMemory(name,
            tensors.Select(t => (t,
                (ReadOnlyMemory<byte>)SmallModels.Bytes(model, t.Name == "lm_head.weight" ? "model.embed_tokens.weight" : t.Name))));
        await Merge.Onto(tied).SaveAsync(_temp[name]);
        await File.WriteAllTextAsync(_temp[name, "config.json"], """{"model_type": "llama", "tie_word_embeddings": true}""");
        return Checkpoint.Open(_temp[name]);
    }
}
