using System.Globalization;

namespace LayerSwap.Common;

/// <summary>Gathers everything that is wrong, so that it is reported at once; a problem of many tensors is said once.</summary>
internal sealed class ProblemList
{
    private const int Named = 8;

    private readonly List<(string Text, List<string> Tensors)> _found = [];
    private readonly Dictionary<string, int> _index = new(StringComparer.Ordinal);

    public void Add(string text, string? tensor = null)
    {
        if (!_index.TryGetValue(text, out int at))
        {
            _index.Add(text, at = _found.Count);
            _found.Add((text, []));
        }

        if (tensor is not null)
        {
            _found[at].Tensors.Add(tensor);
        }
    }

    /// <param name="all">How many tensors there are: a problem of all need not name them.</param>
    /// <exception cref="MergeException">Something is wrong.</exception>
    public void ThrowIfAny(int all = int.MaxValue)
    {
        if (_found.Count > 0)
        {
            throw new MergeException([.. _found.Select(f => f.Text + Tensors(f.Tensors.Count < all ? f.Tensors : []))]);
        }
    }

    private static string Tensors(List<string> names)
    {
        if (names.Count == 0)
        {
            return string.Empty;
        }

        string more = names.Count > Named ? string.Create(CultureInfo.InvariantCulture, $" and {names.Count - Named} more") : string.Empty;
        return " (" + string.Join(", ", names.Take(Named).Select(Printable.Escape)) + more + ")";
    }
}
