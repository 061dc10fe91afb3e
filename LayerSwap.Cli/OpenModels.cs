namespace LayerSwap.Cli;

/// <summary>Opens each path once, and closes all of them when disposed.</summary>
internal sealed class OpenModels(OpenOptions options, string? stack, bool unpackExperts, IReadOnlyList<NamePrefix> map) : IDisposable
{
    private readonly List<ICheckpoint> _open = [];
    private readonly Dictionary<string, ICheckpoint> _views = new(StringComparer.Ordinal);

    public ICheckpoint this[string path]
    {
        get
        {
            if (!_views.TryGetValue(path, out ICheckpoint? view))
            {
                ICheckpoint checkpoint = Checkpoint.Open(path, options);
                _open.Add(checkpoint);
                view = (unpackExperts ? checkpoint.WithExpertsApart() : checkpoint).Renamed(map);
                _views.Add(path, view = stack is null ? view : view.WithMainStack(stack));
            }

            return view;
        }
    }

    public ICheckpoint? GetOrNull(string? path) => path is null ? null : this[path];

    public void Dispose()
    {
        foreach (ICheckpoint checkpoint in _open)
        {
            checkpoint.Dispose();
        }
    }
}
