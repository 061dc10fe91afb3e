namespace LayerSwap.Common;

/// <summary>Collects problems to report them all at once. A problem shared by several tensors is reported once, with their names.</summary>
internal sealed class ProblemList
{
    private const int MaxNames = 8;

    private readonly List<(string Text, List<string> Tensors)> _problems = [];
    private readonly Dictionary<string, int> _index = new(StringComparer.Ordinal);

    public void Add(string text, string? tensor = null)
    {
        if (!_index.TryGetValue(text, out int index))
        {
            _index.Add(text, index = _problems.Count);
            _problems.Add((text, []));
        }

        if (tensor is not null)
        {
            _problems[index].Tensors.Add(tensor);
        }
    }

    /// <param name="tensorCount">The number of tensors. A problem of all tensors does not list their names.</param>
    /// <exception cref="MergeException">There is at least one problem.</exception>
    public void ThrowIfAny(int tensorCount = int.MaxValue)
    {
        if (_problems.Count > 0)
        {
            throw new MergeException([.. _problems.Select(p => p.Text + FormatNames(p.Tensors.Count < tensorCount ? p.Tensors : []))]);
        }
    }

    private static string FormatNames(List<string> names) => names.Count == 0 ? string.Empty : $" ({Printable.List(names, MaxNames)})";
}
