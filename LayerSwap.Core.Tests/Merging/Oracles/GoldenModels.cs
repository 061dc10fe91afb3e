namespace LayerSwap.Tests.Merging.Oracles;

/// <summary>The inputs of the golden cases as doubles.</summary>
internal sealed class GoldenModels : IDisposable
{
    private readonly Dictionary<string, ICheckpoint> _open = new(StringComparer.Ordinal);

    /// <summary>A tensor of one model.</summary>
    public double[] X(string tensor, string model) => SmallModels.Values(Open(model), tensor);

    /// <summary>A tensor of several models.</summary>
    public double[][] Of(string tensor, params string[] models) => [.. models.Select(m => X(tensor, m))];

    public long[] Shape(string tensor) => [.. Open("base").Find(tensor)!.Shape.Extents];

    /// <summary>What a schedule has at the tensor's place.</summary>
    public double At(string tensor, Schedule schedule) => schedule.At(LayerMap.Of(Open("base").Tensors)[tensor]);

    public void Dispose()
    {
        foreach (ICheckpoint checkpoint in _open.Values)
        {
            checkpoint.Dispose();
        }
    }

    private ICheckpoint Open(string model) =>
        _open.TryGetValue(model, out ICheckpoint? checkpoint)
            ? checkpoint
            : _open[model] = Checkpoint.Open(Fixture.Path("golden", "models", "f32", model));
}
