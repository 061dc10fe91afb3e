namespace LayerSwap.Common;

/// <summary>Finds the known word that a misspelled word probably means.</summary>
internal static class ClosestMatch
{
    public static string Find(string word, IEnumerable<string> known) => known.MinBy(k => Distance(k, word))!;

    /// <summary>Finds the closest word within two edits, and fewer edits than the word has letters. Null if there is none.</summary>
    public static string? FindTypo(string word, IEnumerable<string> known) =>
        known.Where(k => Distance(k, word) <= Math.Min(2, word.Length - 1)).MinBy(k => Distance(k, word));

    /// <summary>Computes the Levenshtein distance.</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
            }
        }

        return row[^1];
    }
}
