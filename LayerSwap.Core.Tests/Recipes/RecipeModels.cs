namespace LayerSwap.Tests.Recipes;

/// <summary>Small models on disk for recipes, and byte comparison of recipes with builder calls.</summary>
internal sealed class RecipeModels : IDisposable
{
    private readonly TempFolder _temp = new();
    private readonly List<IDisposable> _open = [];

    /// <summary>Folders base, a, b and c, each with a configuration.</summary>
    public RecipeModels(int layers = 4, DType dtype = DType.BFloat16)
    {
        string[] names = ["base", "a", "b", "c"];
        for (int i = 0; i < names.Length; i++)
        {
            Add(names[i], i, layers, dtype);
        }
    }

    public string Folder => _temp.Path;

    public string this[params string[] parts] => _temp[parts];

    public void Add(string name, int expert, int layers, DType dtype = DType.BFloat16)
    {
        Merge.Onto(SmallModels.Llama(name, expert, dtype, layers))
            .SaveAsync(_temp[name], new SaveOptions { Durable = false })
            .GetAwaiter()
            .GetResult();
        File.WriteAllText(
            _temp[name, "config.json"],
            $$"""{"model_type": "llama", "num_hidden_layers": {{layers}}, "vocab_size": 48,"""
                + """ "tie_word_embeddings": false, "torch_dtype": "bfloat16"}""");
    }

    public ICheckpoint Open(string name)
    {
        ICheckpoint model = Checkpoint.Open(_temp[name]);
        _open.Add(model);
        return model;
    }

    /// <summary>The recipe; disposed with the models.</summary>
    public Recipe Parse(string yaml, params string[] folders)
    {
        Recipe recipe = Recipe.Parse(yaml, Folder, folders);
        _open.Add(recipe);
        return recipe;
    }

    public MergeBuilder Bind(string yaml) => Parse(yaml).ToMerge();

    /// <summary>Plans it and reads the result on demand.</summary>
    public ICheckpoint Result(string yaml) => Bind(yaml).Plan().AsCheckpoint();

    /// <summary>All problems of a recipe, found in its text or in the models.</summary>
    public string[] ProblemsOf(string yaml) => [.. Assert.Throws<RecipeException>(() => Parse(yaml).ToMerge().Plan()).Problems];

    public string ProblemOf(string yaml) => Assert.Single(ProblemsOf(yaml));

    public IReadOnlyList<string> NotesOf(string yaml)
    {
        Recipe recipe = Parse(yaml);
        recipe.ToMerge().Plan();
        return recipe.Notes;
    }

    /// <summary>Requires that the recipe and the builder calls give the same tensors and bytes.</summary>
    public void Same(string yaml, MergeBuilder expected) => Same(expected.Plan().AsCheckpoint(), Result(yaml));

    public static void Same(ICheckpoint expected, ICheckpoint actual)
    {
        Assert.Equal(expected.Tensors.Select(t => t.ToString()), actual.Tensors.Select(t => t.ToString()));
        foreach (TensorInfo tensor in expected.Tensors)
        {
            Assert.True(
                SmallModels.Bytes(expected, tensor.Name).AsSpan().SequenceEqual(SmallModels.Bytes(actual, tensor.Name)), tensor.Name);
        }
    }

    public void Dispose()
    {
        _open.ForEach(o => o.Dispose());
        _temp.Dispose();
    }
}
