namespace LayerSwap.Merging;

/// <summary>The element of a rank among gathered keys in linear time (Hoare, 1961): larger keys first, equal keys by lower index. All elements differ, so the pivots need no luck with ties.</summary>
internal static class QuickSelect
{
    /// <param name="items">Reordered.</param>
    /// <param name="rank">From 0.</param>
    public static (ulong Key, long Index) At(Span<(ulong Key, long Index)> items, int rank)
    {
        int first = 0, last = items.Length - 1;
        while (first < last)
        {
            (ulong Key, long Index) pivot = items[first + ((last - first) / 2)];
            int i = first, j = last;
            while (i <= j)
            {
                while (Before(items[i], pivot))
                {
                    i++;
                }

                while (Before(pivot, items[j]))
                {
                    j--;
                }

                if (i <= j)
                {
                    (items[i], items[j]) = (items[j], items[i]);
                    i++;
                    j--;
                }
            }

            if (rank <= j)
            {
                last = j;
            }
            else if (rank >= i)
            {
                first = i;
            }
            else
            {
                break;
            }
        }

        return items[rank];
    }

    private static bool Before((ulong Key, long Index) a, (ulong Key, long Index) b) => a.Key > b.Key || (a.Key == b.Key && a.Index < b.Index);
}
