namespace LayerSwap.Merging;

/// <summary>Selection of a rank from an unsorted list (Hoare, 1961), with three-way partitions: keys have few distinct values.</summary>
internal static class QuickSelect
{
    /// <summary>The length below which sorting is quicker.</summary>
    private const int Short = 32;

    /// <summary>
    /// The maximum number of partitions, more than a random order needs. The rest is sorted, so that no order takes quadratic time.
    /// </summary>
    private const int MostPartitions = 64;

    /// <summary>Finds the key of a rank, and counts the larger keys. Reorders the list.</summary>
    /// <param name="keys">The list.</param>
    /// <param name="rank">The 0-based rank, largest first.</param>
    public static (ulong Key, int Larger) Find(Span<ulong> keys, int rank)
    {
        int before = 0;
        for (int partition = 0; partition < MostPartitions && keys.Length > Short; partition++)
        {
            ulong pivot = MedianOfThree(keys[0], keys[keys.Length / 2], keys[^1]);
            int larger = 0, notSmaller = keys.Length;
            for (int i = 0; i < notSmaller;)
            {
                if (keys[i] > pivot)
                {
                    (keys[larger], keys[i]) = (keys[i], keys[larger]);
                    larger++;
                    i++;
                }
                else if (keys[i] < pivot)
                {
                    notSmaller--;
                    (keys[i], keys[notSmaller]) = (keys[notSmaller], keys[i]);
                }
                else
                {
                    i++;
                }
            }

            if (rank < larger)
            {
                keys = keys[..larger];
            }
            else if (rank < notSmaller)
            {
                return (pivot, before + larger);
            }
            else
            {
                keys = keys[notSmaller..];
                rank -= notSmaller;
                before += notSmaller;
            }
        }

        keys.Sort();
        ulong found = keys[^(rank + 1)];
        return (found, before + keys.Length - 1 - keys.LastIndexOf(found));
    }

    private static ulong MedianOfThree(ulong a, ulong b, ulong c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
}
