namespace LayerSwap.Cli;

/// <summary>Opens each path once and closes all of them at the end.</summary>
internal sealed class OpenModels : IDisposable
{
    private readonly Dictionary<string, ICheckpoint> _open = new(StringComparer.Ordinal);

    public ICheckpoint this[string path]
    {
        get
        {
            if (!_open.TryGetValue(path, out ICheckpoint? checkpoint))
            {
                _open.Add(path, checkpoint = Checkpoint.Open(path));
            }

            return checkpoint;
        }
    }

    public ICheckpoint? OrNull(string? path) => path is null ? null : this[path];

    public void Dispose()
    {
        foreach (ICheckpoint checkpoint in _open.Values)
        {
            checkpoint.Dispose();
        }
    }
}
